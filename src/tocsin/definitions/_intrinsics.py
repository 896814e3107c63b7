"""The functions of CloudFormation templates, as far as a template alone can answer them.

Source: CloudFormation User Guide, "Intrinsic function reference" and "Pseudo parameters
reference".
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from tocsin.definitions._tree import Node, Unknown, Value, mapping, text

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

__all__ = ["NO_VALUE", "Scope"]

NO_VALUE = Unknown("AWS::NoValue")
_MAX_DEPTH = 100
_MAX_TEXT = 64 << 10
_PLACEHOLDER = re.compile(r"\$\{(!?)([^${}]*)\}")
_PSEUDO = {"AWS::Partition": "aws", "AWS::URLSuffix": "amazonaws.com"}
_PSEUDO_ELSEWHERE = {
    "cn-": {"AWS::Partition": "aws-cn", "AWS::URLSuffix": "amazonaws.com.cn"},
    "us-gov-": {"AWS::Partition": "aws-us-gov", "AWS::URLSuffix": "amazonaws.com"},
}
"""By how the names of their regions begin."""
_UNTOLD = frozenset({
    "AWS::AccountId", "AWS::NotificationARNs", "AWS::Region", "AWS::StackId", "AWS::StackName",
})  # fmt: skip
_NAMES = {
    "AWS::Logs::LogGroup": "LogGroupName",
    "AWS::Logs::MetricFilter": "FilterName",
    "AWS::CloudWatch::Alarm": "AlarmName",
    "AWS::CloudWatch::CompositeAlarm": "AlarmName",
}
"""What `Ref` gives: the name. One that CloudFormation would make up is the logical id."""
_GIVEN_NAMES = {
    "AWS::DynamoDB::Table": "TableName",
    "AWS::Kinesis::Stream": "Name",
    "AWS::Lambda::Function": "FunctionName",
    "AWS::S3::Bucket": "BucketName",
    "AWS::Serverless::Function": "FunctionName",
    "AWS::Serverless::SimpleTable": "TableName",
}
"""The same for resources that alarms watch; a made-up name would never have data."""


class Scope:
    """One template: its parameters, mappings, conditions and resources."""

    def __init__(self, top: Node, parameters: Mapping[str, str]) -> None:
        self._given = parameters
        self._parameters = mapping(top.get("Parameters"))
        self._mappings = mapping(top.get("Mappings"))
        self._conditions = mapping(top.get("Conditions"))
        self._resources = mapping(top.get("Resources"))
        self._truth: dict[str, bool | Unknown] = {}
        self._known: dict[str, Value] = {}
        self._open: set[str] = set()
        self._depth = 0
        self._functions: dict[str, Callable[[Node], Value]] = {
            "Ref": self._ref,
            "Fn::GetAtt": self._get_att,
            "Fn::Sub": self._sub,
            "Fn::Join": self._join,
            "Fn::Split": self._split,
            "Fn::Select": self._select,
            "Fn::FindInMap": self._find_in_map,
            "Fn::If": self._if,
        }

    def evaluate(self, node: Node) -> Node:
        """The value with all functions answered; what cannot be answered is Unknown."""
        if self._depth >= _MAX_DEPTH:
            return Node(node.span, Unknown("functions and references nest too deep"))
        self._depth += 1
        try:
            return Node(node.span, self._value(node))
        finally:
            self._depth -= 1

    def _value(self, node: Node) -> Value:
        value = node.value
        if isinstance(value, str) and "{{resolve:" in value:
            return Unknown("a dynamic reference, resolved when the stack is deployed", value)
        if isinstance(value, list):
            entries = [self.evaluate(each) for each in value]
            return [each for each in entries if each.value is not NO_VALUE]
        if not isinstance(value, dict):
            return value
        if len(value) == 1:
            [(name, argument)] = value.items()
            if name == "Ref" or name.startswith("Fn::"):
                return self._call(name, argument)
        items = {key: self.evaluate(each) for key, each in value.items()}
        return {key: each for key, each in items.items() if each.value is not NO_VALUE}

    def _call(self, name: str, argument: Node) -> Value:
        function = self._functions.get(name)
        if function is None:
            return Unknown(f"{name} is not evaluated", f"${{{name}}}")
        return function(argument)

    def _ref(self, argument: Node) -> Value:
        name = argument.value
        if not isinstance(name, str):
            return Unknown("Ref takes a name", mistake=True)
        if name == "AWS::NoValue":
            return NO_VALUE
        if name in self._given and (name.startswith("AWS::") or name in self._parameters):
            return self._typed(name, self._given[name])
        if name in _PSEUDO:
            return self._pseudo(name)
        symbol = f"${{{name}}}"
        if name in _UNTOLD:
            return Unknown(f"{name} is not given", symbol)
        if name in self._parameters:
            return self._default(name)
        if name in self._resources:
            return self.name_of(name)
        return Unknown(f"nothing is called {name[:80]!r}", mistake=True)

    def _pseudo(self, name: str) -> str:
        region = self._given.get("AWS::Region", "")
        elsewhere = (each for start, each in _PSEUDO_ELSEWHERE.items() if region.startswith(start))
        return next(elsewhere, _PSEUDO)[name]

    def _default(self, name: str) -> Value:
        declared = self._parameters[name]
        default = declared.get("Default")
        type_ = text(declared.get("Type")) or ""
        if type_.startswith("AWS::SSM::"):
            return Unknown(f"parameter {name} is kept in Parameter Store", f"${{{name}}}")
        if default is None or isinstance(default.value, dict):
            return Unknown(f"parameter {name} has no default", f"${{{name}}}")
        if isinstance(default.value, list):
            return default.value
        return self._typed(name, text(default) or "")

    def _typed(self, name: str, given: str) -> Value:
        declared = self._parameters.get(name)
        type_ = (text(declared.get("Type")) if declared else "") or ""
        if declared is not None and (type_ == "CommaDelimitedList" or type_.startswith("List<")):
            return [Node(declared.span, each.strip()) for each in given.split(",")]
        return given

    def name_of(self, logical: str) -> Value:
        """The physical name of a resource."""
        resource = self._resources[logical]
        type_ = text(resource.get("Type")) or ""
        properties = resource.get("Properties")
        key = _NAMES.get(type_) or _GIVEN_NAMES.get(type_, "")
        given = properties.get(key) if properties else None
        if type_ not in _NAMES and given is None:
            return Unknown(f"{logical} is known only after deployment", f"${{{logical}}}")
        if logical in self._open:
            return Unknown(f"{logical} refers to itself in a circle", mistake=True)
        if logical not in self._known:
            self._open.add(logical)
            found = self.evaluate(given).value if given else NO_VALUE
            self._known[logical] = logical if found is NO_VALUE or found is None else found
            self._open.discard(logical)
        return self._known[logical]

    def _get_att(self, argument: Node) -> Value:
        parts = argument.value
        names: list[str] = []
        if isinstance(parts, list):
            names = [text(self.evaluate(each)) or "" for each in parts]
        elif isinstance(parts, str):
            names = [*parts.split(".", 1)]
        if len(names) != 2 or not all(names):
            return Unknown("Fn::GetAtt takes a resource and an attribute", mistake=True)
        logical, attribute = names
        if logical not in self._resources:
            return Unknown(f"no resource is called {logical[:80]!r}", mistake=True)
        type_ = text(self._resources[logical].get("Type")) or ""
        if attribute == "Arn" and _NAMES.get(type_) == "AlarmName":
            name = self.name_of(logical)
            place = [self._given.get(each, "") for each in ("AWS::Region", "AWS::AccountId")]
            partition = self._given.get("AWS::Partition") or self._pseudo("AWS::Partition")
            arn = f"arn:{partition}:cloudwatch:{place[0]}:{place[1]}:alarm"
            return name if isinstance(name, Unknown) else f"{arn}:{name}"
        what = f"{logical}.{attribute}"
        return Unknown(f"{what} is known only after deployment", f"${{{what}}}")

    def _sub(self, argument: Node) -> Value:
        own: dict[str, Node] = {}
        template = argument
        if isinstance(argument.value, list) and len(argument.value) == 2:
            template, own = argument.value[0], mapping(argument.value[1])
        if not isinstance(template.value, str):
            return Unknown("Fn::Sub takes a text, or a text and a mapping", mistake=True)
        pieces: list[Node] = []
        at = 0
        for found in _PLACEHOLDER.finditer(template.value):
            pieces.append(Node(argument.span, template.value[at : found.start()]))
            at = found.end()
            name = found[2].strip()
            if found[1]:
                pieces.append(Node(argument.span, f"${{{name}}}"))
            elif name in own:
                pieces.append(self.evaluate(own[name]))
            else:
                function = "Fn::GetAtt" if "." in name else "Ref"
                leaf = Node(argument.span, name)
                pieces.append(self.evaluate(Node(argument.span, {function: leaf})))
        pieces.append(Node(argument.span, template.value[at:]))
        return _joined("", pieces, "Fn::Sub")

    def _join(self, argument: Node) -> Value:
        found = self._arguments(argument, 2)
        if found is None or not isinstance(found[0].value, str):
            return Unknown("Fn::Join takes a delimiter and a list", mistake=True)
        if isinstance(found[1].value, Unknown):
            return found[1].value
        if not isinstance(found[1].value, list):
            return Unknown("Fn::Join takes a delimiter and a list", mistake=True)
        return _joined(found[0].value, found[1].value, "Fn::Join")

    def _split(self, argument: Node) -> Value:
        found = self._arguments(argument, 2)
        if found is None or not isinstance(found[0].value, str) or not found[0].value:
            return Unknown("Fn::Split takes a delimiter and a text", mistake=True)
        if isinstance(found[1].value, Unknown):
            return found[1].value
        source = text(found[1])
        if source is None:
            return Unknown("Fn::Split takes a delimiter and a text", mistake=True)
        return [Node(argument.span, each) for each in source.split(found[0].value)]

    def _select(self, argument: Node) -> Value:
        found = self._arguments(argument, 2)
        if found is None:
            return Unknown("Fn::Select takes an index and a list", mistake=True)
        for each in found:
            if isinstance(each.value, Unknown):
                return each.value
        index, entries = text(found[0]) or "", found[1].value
        if not index.isdecimal() or not isinstance(entries, list):
            return Unknown("Fn::Select takes an index and a list", mistake=True)
        number = int(index[:18])
        if number >= len(entries):
            return Unknown(f"Fn::Select: no entry {number} in {len(entries)}", mistake=True)
        return entries[number].value

    def _find_in_map(self, argument: Node) -> Value:
        found = self._arguments(argument, 3, 4)
        if found is None:
            return Unknown("Fn::FindInMap takes a map and two keys", mistake=True)
        default = found[3].get("DefaultValue") if len(found) == 4 else None
        node = Node(argument.span, dict(self._mappings))
        for each in found[:3]:
            if isinstance(each.value, Unknown):
                return each.value
            key = text(each) or ""
            following = node.get(key)
            if following is None:
                if default is not None:
                    return default.value
                return Unknown(f"Fn::FindInMap: no key {key[:80]!r}", mistake=True)
            node = following
        return node.value

    def _arguments(self, argument: Node, *counts: int) -> list[Node] | None:
        """The evaluated arguments if there are as many as expected."""
        value = argument.value
        if not isinstance(value, list) or len(value) not in counts:
            return None
        return [self.evaluate(each) for each in value]

    def _if(self, argument: Node) -> Value:
        value = argument.value
        if not isinstance(value, list) or len(value) != 3 or not isinstance(value[0].value, str):
            return Unknown("Fn::If takes a condition and two values", mistake=True)
        holds = self.holds(value[0].value)
        if not isinstance(holds, Unknown):
            return self.evaluate(value[1] if holds else value[2]).value
        both = [self.evaluate(each) for each in value[1:]]
        # Where the two say the same, it does not matter which it is.
        same = text(both[0]) is not None and text(both[0]) == text(both[1])
        return both[0].value if same and not holds.mistake else holds

    def holds(self, name: str) -> bool | Unknown:
        """Whether a condition of the template holds."""
        if name not in self._truth:
            condition = self._conditions.get(name)
            if condition is None:
                return Unknown(f"no condition is called {name[:80]!r}", mistake=True)
            # Until it is known it refers to itself.
            self._truth[name] = Unknown(f"condition {name} refers to itself", mistake=True)
            self._truth[name] = self._condition(condition)
        return self._truth[name]

    def _condition(self, node: Node) -> bool | Unknown:
        if self._depth >= _MAX_DEPTH:
            return Unknown("conditions nest too deep")
        self._depth += 1
        try:
            return self._decide(node)
        finally:
            self._depth -= 1

    def _decide(self, node: Node) -> bool | Unknown:
        entries = mapping(node)
        [(name, argument)] = entries.items() if len(entries) == 1 else [("", node)]
        if name == "Condition" and isinstance(argument.value, str):
            return self.holds(argument.value)
        parts = argument.value if isinstance(argument.value, list) else []
        if name == "Fn::Equals" and len(parts) == 2:
            left, right = (self.evaluate(each) for each in parts)
            for side in (left, right):
                if isinstance(side.value, Unknown):
                    return side.value
            return text(left) == text(right)
        if name == "Fn::Not" and len(parts) == 1:
            inner = self._condition(parts[0])
            return inner if isinstance(inner, Unknown) else not inner
        if name in {"Fn::And", "Fn::Or"} and parts:
            decisive = name == "Fn::Or"
            found = [self._condition(each) for each in parts]
            if decisive in found:
                return decisive
            return next((each for each in found if isinstance(each, Unknown)), not decisive)
        return Unknown("not a condition", mistake=True)


def _joined(delimiter: str, pieces: list[Node], function: str) -> Value:
    words, unknown = [], None
    for each in pieces:
        if isinstance(each.value, Unknown):
            unknown = unknown or each.value
            words.append(each.value.symbol)
        elif (word := text(each)) is not None:
            words.append(word)
        elif each.value is not None:
            return Unknown(f"{function} takes texts only", mistake=True)
    if sum(map(len, words)) + len(delimiter) * len(words) > _MAX_TEXT:
        return Unknown(f"{function} makes a text over {_MAX_TEXT >> 10} KiB", mistake=True)
    whole = delimiter.join(words)
    return whole if unknown is None else Unknown(unknown.reason, whole, unknown.mistake)
