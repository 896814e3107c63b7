"""Values of Terraform expressions, as far as the sources of one module tell them.

Source: Terraform documentation, "Expressions" (references to named values) and "Functions".
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from tocsin.definitions._hcl_operators import combined, negated, truth
from tocsin.definitions._hcl_syntax import (
    Block,
    Call,
    Choice,
    Expression,
    Items,
    Literal,
    Operation,
    Pairs,
    Path,
    Template,
)
from tocsin.definitions._terraform_names import NAMES
from tocsin.definitions._tree import Node, Unknown, Value, text

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

__all__ = ["Instance", "Module"]

_MAX_DEPTH = 100
_MAX_TEXT = 64 << 10
_MAX_ITEMS = 10_000
_VERB = re.compile(r"%(?:%|[^a-zA-Z%]*[a-zA-Z]?)")
_OTHER_ROOTS = frozenset({"data", "module", "path", "terraform", "self", "ephemeral"})


class Instance(NamedTuple):
    """Which one of a resource with `count` or `for_each`."""

    key: str | int | None = None
    value: Node | None = None
    """Of `each.value`."""


class Module:
    """The sources of one folder."""

    def __init__(self, given: Mapping[str, str]) -> None:
        self.given = given
        self.variables: dict[str, Block] = {}
        self.locals: dict[str, Expression] = {}
        self.resources: dict[tuple[str, str], Block] = {}
        self._memo: dict[tuple[str, ...], Value] = {}
        self._open: set[tuple[str, ...]] = set()
        self._instances: dict[tuple[str, ...], dict[str | int | None, Instance]] = {}
        self._depth = 0

    def evaluate(self, expression: Expression, instance: Instance) -> Node:
        if self._depth >= _MAX_DEPTH:
            return Node(expression.span, Unknown("expressions and references nest too deep"))
        self._depth += 1
        try:
            return Node(expression.span, self._value(expression, instance))
        finally:
            self._depth -= 1

    def block(self, block: Block, instance: Instance) -> Node:
        """Attributes and inner blocks of a block; blocks of one type make a list."""
        items = {key: self.evaluate(each, instance) for key, each in block.attributes.items()}
        for each in block.blocks:
            if each.type == "dynamic":
                what = f"dynamic {(each.labels or ('',))[0]!r} is not expanded"
                items[(each.labels or ("dynamic",))[0]] = Node(each.span, Unknown(what))
                continue
            before = items.setdefault(each.type, Node(each.span, []))
            if isinstance(before.value, list):
                before.value.append(self.block(each, instance))
        return Node(block.span, items)

    def _value(self, expression: Expression, instance: Instance) -> Value:
        if isinstance(expression, Literal):
            return expression.value
        if isinstance(expression, Template):
            return self._template(expression, instance)
        if isinstance(expression, Items):
            return [self.evaluate(each, instance) for each in expression.items]
        if isinstance(expression, Pairs):
            return self._pairs(expression, instance)
        if isinstance(expression, Path):
            return self._path(expression, instance)
        if isinstance(expression, Call):
            return self._call(expression, instance)
        if isinstance(expression, Operation):
            operands = [self.evaluate(each, instance).value for each in expression.operands]
            if len(operands) == 1:
                return negated(expression.sign, operands[0])
            return combined(expression.sign, operands[0], operands[1])
        if isinstance(expression, Choice):
            return self._choice(expression, instance)
        shown = expression.text if len(expression.text) < 60 else f"{expression.text[:57]}..."
        return Unknown(f"{shown} is not evaluated", f"${{{shown}}}")

    def _choice(self, choice: Choice, instance: Instance) -> Value:
        condition = self.evaluate(choice.condition, instance).value
        if not isinstance(condition, Unknown):
            found = truth(condition)
            if found is None:
                return Unknown("a condition is true or false", mistake=True)
            return self.evaluate(choice.one if found else choice.other, instance).value
        both = [self.evaluate(each, instance) for each in (choice.one, choice.other)]
        # Where the two say the same, it does not matter which it is.
        same = text(both[0]) is not None and text(both[0]) == text(both[1])
        return both[0].value if same and not condition.mistake else condition

    def _template(self, template: Template, instance: Instance) -> Value:
        words: list[str] = []
        unknown: Unknown | None = None
        for part in template.parts:
            if isinstance(part, str):
                words.append(part)
                continue
            found = self.evaluate(part, instance)
            if isinstance(found.value, Unknown):
                unknown = unknown or found.value
                words.append(found.value.symbol)
            elif len(template.parts) == 1:
                return found.value
            elif (word := text(found)) is not None:
                words.append(word)
            else:
                return Unknown("a template takes texts, numbers and bools", mistake=True)
        if sum(map(len, words)) > _MAX_TEXT:
            return Unknown(f"a text over {_MAX_TEXT >> 10} KiB", mistake=True)
        whole = "".join(words)
        return whole if unknown is None else Unknown(unknown.reason, whole, unknown.mistake)

    def _pairs(self, pairs: Pairs, instance: Instance) -> Value:
        found = {}
        for key, each in pairs.items:
            name = self.evaluate(key, instance)
            if isinstance(name.value, Unknown):
                return name.value
            found[text(name) or ""] = self.evaluate(each, instance)
        return found

    def _path(self, path: Path, instance: Instance) -> Value:
        parts: list[str | int] = []
        for part in path.parts:
            if isinstance(part, str):
                parts.append(part)
                continue
            index = self.evaluate(part, instance).value
            if isinstance(index, Unknown):
                return index
            parts.append(index if isinstance(index, str | int) else "")
        symbol = Unknown(path.text, f"${{{path.text}}}")
        head, rest = str(parts[0]), parts[1:]
        if not rest:
            return Unknown(f"{path.text} is not evaluated", symbol.symbol)
        if head in {"var", "local"}:
            return self._enter(self._named(head, str(rest[0]), symbol), rest[1:], symbol)
        if head in {"each", "count"}:
            return self._enter(self._each(head, str(rest[0]), instance, symbol), rest[1:], symbol)
        if head in _OTHER_ROOTS:
            given = self.given.get(path.text)
            return symbol if given is None else given
        return self._attribute(head, str(rest[0]), rest[1:], symbol)

    def _named(self, kind: str, name: str, symbol: Unknown) -> Value:
        """A variable or a local value."""
        if kind == "var":
            declared = self.variables.get(name)
            if name in self.given:
                return _of_type(self.given[name], declared)
            if declared is None:
                return Unknown(f"no variable {name!r} is declared here", symbol.symbol)
            expression = declared.attributes.get("default")
            if expression is None:
                return Unknown(f"variable {name} has no default", symbol.symbol)
        else:
            found = self.locals.get(name)
            if found is None:
                return Unknown(f"no local value {name!r} is here", symbol.symbol)
            expression = found
        return self._once((kind, name), expression, Instance(), symbol)

    def _once(
        self, key: tuple[str, ...], expression: Expression, instance: Instance, symbol: Unknown
    ) -> Value:
        """Evaluate what has a name: once, and not within itself."""
        if key in self._open:
            return Unknown(f"{symbol.reason} refers to itself", symbol.symbol, mistake=True)
        if key not in self._memo:
            self._open.add(key)
            self._memo[key] = self.evaluate(expression, instance).value
            self._open.discard(key)
        return self._memo[key]

    def _each(self, head: str, name: str, instance: Instance, symbol: Unknown) -> Value:
        if instance.key is None or (head, name) not in {
            ("each", "key"), ("each", "value"), ("count", "index")
        }:  # fmt: skip
            return symbol
        if name == "value":
            return symbol if instance.value is None else instance.value.value
        return instance.key

    def _enter(self, value: Value, parts: list[str | int], symbol: Unknown) -> Value:
        for part in parts:
            if isinstance(value, Unknown):
                return value
            following: Node | None = None
            if isinstance(value, dict):
                following = value.get(str(part))
            elif isinstance(value, list):
                number = int(part) if isinstance(part, int) or part.isdecimal() else -1
                following = value[number] if 0 <= number < len(value) else None
            if following is None:
                return Unknown(f"{symbol.reason} has no {str(part)[:60]!r}", symbol.symbol)
            value = following.value
        return value

    def _attribute(self, type_: str, name: str, parts: list[str | int], symbol: Unknown) -> Value:
        """An attribute of a resource that these sources describe."""
        block = self.resources.get((type_, name))
        if block is None:
            return Unknown(f"{type_}.{name} is not here", symbol.symbol)
        instance = Instance()
        if "count" in block.attributes or "for_each" in block.attributes:
            if not parts:
                return symbol
            index = parts.pop(0)
            if block.labels not in self._instances:
                instances = self.instances(block)
                known = instances if isinstance(instances, list) else []
                self._instances[block.labels] = {each.key: each for each in known}
            found = self._instances[block.labels].get(index)
            if found is None:
                return Unknown(f"{symbol.reason}: no such instance is known", symbol.symbol)
            instance = found
        elif parts and parts[0] == 0:
            parts.pop(0)
        own = NAMES.get(type_)
        wanted = str(parts.pop(0)) if parts else ""
        if wanted == "id" and own:
            wanted = own
        arn = wanted == "arn" and own == "alarm_name"
        key = own if arn and own else wanted
        place = (type_, name, type(instance.key).__name__, str(instance.key), key)
        if key in block.attributes:
            value = self._once(place, block.attributes[key], instance, symbol)
            if arn and isinstance(value, str):
                # The account and the region are not known, and an alarm is told by its name.
                return f"arn:aws:cloudwatch:::alarm:{value}"
            return self._enter(value, parts, symbol)
        blocks = [each for each in block.blocks if each.type == key]
        if blocks and len(parts) > 1:
            number, inner = parts[0], str(parts[1])
            if isinstance(number, int) and number < len(blocks):
                expression = blocks[number].attributes.get(inner)
                if expression is not None:
                    value = self._once((*place, str(number), inner), expression, instance, symbol)
                    return self._enter(value, parts[2:], symbol)
        return Unknown(f"{symbol.reason} is known only after apply", symbol.symbol)

    def instances(self, block: Block) -> list[Instance] | Unknown | None:
        """All instances of a resource; nothing if there is one without a key."""
        if "count" in block.attributes:
            node = self.evaluate(block.attributes["count"], Instance())
            if isinstance(node.value, Unknown):
                return Unknown(f"count: {node.value.reason}", mistake=node.value.mistake)
            number = text(node) or ""
            if not number.isdecimal() or len(number) > 9:
                return Unknown(f"count must be a whole number, not {number[:40]!r}", mistake=True)
            if int(number) > _MAX_ITEMS:
                return Unknown(f"count is {number}, over {_MAX_ITEMS}")
            return [Instance(each) for each in range(int(number))]
        if "for_each" not in block.attributes:
            return None
        node = self.evaluate(block.attributes["for_each"], Instance())
        if isinstance(node.value, Unknown):
            return Unknown(f"for_each: {node.value.reason}", mistake=node.value.mistake)
        if isinstance(node.value, dict):
            return [Instance(key, each) for key, each in sorted(node.value.items())]
        if isinstance(node.value, list):
            found: dict[str, Node] = {}
            for each in node.value:
                if isinstance(each.value, Unknown):
                    return Unknown(f"for_each: {each.value.reason}")
                found[text(each) or ""] = each
            return [Instance(key, each) for key, each in sorted(found.items())]
        return Unknown("for_each takes a map or a set", mistake=True)

    def _call(self, call: Call, instance: Instance) -> Value:
        arguments = [self.evaluate(each, instance) for each in call.arguments]
        for each in arguments:
            if isinstance(each.value, Unknown):
                return each.value
        words = [text(each) for each in arguments]
        only = words[0] if len(words) == 1 else None
        if only is not None and call.name in _TEXTS:
            return _TEXTS[call.name](only)
        if call.name in {"toset", "tolist"} and len(arguments) == 1:
            return _set(arguments[0].value) if call.name == "toset" else arguments[0].value
        if call.name == "length" and len(arguments) == 1:
            counted = arguments[0].value
            if isinstance(counted, str | list | dict):
                return len(counted)
        if call.name == "coalesce":
            return next((each.value for each in arguments if each.value not in (None, "")), None)
        if call.name == "format" and words and words[0] is not None:
            return _formatted(words[0], words[1:])
        if call.name == "join" and len(arguments) == 2 and words[0] is not None:
            return self._join(words[0], arguments[1])
        if call.name == "concat" and all(isinstance(each.value, list) for each in arguments):
            lists = [each.value for each in arguments if isinstance(each.value, list)]
            if sum(map(len, lists)) <= _MAX_ITEMS:
                return [each for listed in lists for each in listed]
        if call.name == "merge" and all(isinstance(each.value, dict) for each in arguments):
            merged: dict[str, Node] = {}
            for each in arguments:
                merged |= each.value if isinstance(each.value, dict) else {}
            return merged
        return Unknown(f"{call.name}(...) is not evaluated", f"${{{call.name}(...)}}")

    def _join(self, delimiter: str, node: Node) -> Value:
        entries = node.value if isinstance(node.value, list) else []
        for each in entries:
            if isinstance(each.value, Unknown):
                return each.value
        words = [text(each) for each in entries]
        known = [word for word in words if word is not None]
        size = sum(map(len, known)) + len(delimiter) * len(known)
        if not isinstance(node.value, list) or len(known) < len(words) or size > _MAX_TEXT:
            return Unknown("join(...) takes a delimiter and a list of texts", mistake=True)
        return delimiter.join(known)


def _of_type(given: str, declared: Block | None) -> Value:
    """A value that was given as text, as the type that its variable says or its default has."""
    if declared is None:
        return given
    type_, default = declared.attributes.get("type"), declared.attributes.get("default")
    named = type_.text if isinstance(type_, Path) else ""
    known = default.value if isinstance(default, Literal) else None
    if named == "bool" or isinstance(known, bool):
        return {"true": True, "false": False}.get(given, given)
    if named == "number" or isinstance(known, int | float):
        try:
            return float(given)
        except ValueError:
            return given
    return given


def _set(value: Value) -> Value:
    """Each entry once; Terraform lists the texts of a set in their order."""
    if not isinstance(value, list) or any(isinstance(each.value, Unknown) for each in value):
        return value
    found = {text(each): each for each in value}
    if None in found:
        return Unknown("a set of lists or maps is not evaluated")
    return [each for _, each in sorted(found.items(), key=lambda one: one[0] or "")]


def _formatted(form: str, words: list[str | None]) -> Value:
    """`format` with texts and whole numbers in their places; other verbs are not evaluated."""
    verbs = _VERB.findall(form)
    if any(each not in ("%%", "%s", "%v", "%d") for each in verbs) or None in words:
        return Unknown("format(...) is not evaluated", "${format(...)}")
    if len([each for each in verbs if each != "%%"]) != len(words):
        return Unknown("format(...) has as many places as values", mistake=True)
    rest = iter(words)
    made = _VERB.sub(lambda found: "%" if found[0] == "%%" else next(rest) or "", form)
    return made if len(made) <= _MAX_TEXT else Unknown("format(...) is too long", mistake=True)


def _title(word: str) -> str:
    """Each word with a capital; the rest stays, unlike with Python's own."""
    letters, before = [], " "
    for letter in word:
        letters.append(letter if before.isalnum() or before == "_" else letter.upper())
        before = letter
    return "".join(letters)


_TEXTS: dict[str, Callable[[str], str]] = {
    "lower": str.lower,
    "upper": str.upper,
    "trimspace": str.strip,
    "tostring": str,
    "title": _title,
}
