"""Values that a plan leaves open, found through its configuration section.

A plan knows no attribute that only AWS gives: the ARN of a topic, the id of a metric
filter, and whatever is made of them. The configuration section keeps, for each
expression, the things it refers to, but not the expression. So a reference is followed
where it is the only one, through variables, outputs and `for_each`, and what it means then
follows from the attribute: the id of a metric filter, of a log group and of an alarm is its
name. Where a path goes into something that the module made of the only reference, that
reference is what it leads to.

Source: Terraform documentation, "JSON Output Format" (expression representation).
"""

from __future__ import annotations

import re
from typing import Any, NamedTuple

import msgspec

from tocsin.alarms import compile_rule
from tocsin.definitions._terraform_names import ATTRIBUTES, NAMES
from tocsin.definitions._tree import MAX_DEPTH, Node, Unknown, from_json
from tocsin.errors import FileErrors, ParseError, Problem, Span

__all__ = ["NOT_KNOWN", "Found", "Plan"]

NOT_KNOWN = "known only after apply"
_MAX_STEPS = 32
_STEP = re.compile(r'module\.([\w-]+)(?:\[(\d+|"(?:[^"\\]|\\.)*")\])?')
_REFERENCE = re.compile(
    r'((?:data\.)?[A-Za-z_][\w-]*\.[A-Za-z_][\w-]*)(?:\[(\d+|"(?:[^"\\]|\\.)*")\])?((?:\.|\[).*)?'
)
_PART = re.compile(r'\.?([A-Za-z_][\w-]*)|\.?\[?(\d+)\]?|\[("(?:[^"\\]|\\.)*")\]')
_COMPUTED = frozenset({"evaluate_low_sample_count_percentiles", "unit"})
_ACTIONS = frozenset({"alarm_actions", "insufficient_data_actions", "ok_actions"})
_COLLECTIONS: dict[str, type] = {"dimensions": dict, "emit_system_field_dimensions": list}
_BARE = re.compile(r"(?!(?:var|local|each|count|path|terraform|self)\.)(?:data\.)?[\w-]+\.[\w-]+")
"""A resource or a module without an attribute."""


class Found(NamedTuple):
    """A resource instance with its values."""

    address: str
    module: str
    """`module.a[0].module.b`, or nothing."""
    mode: str
    type: str
    name: str
    key: str | int | None
    """Of `count` or `for_each`."""
    values: Any
    pointer: str


class _Place(NamedTuple):
    """Where an expression stands."""

    module: str
    key: str | int | None = None
    """Of `count` or `for_each`."""
    loop: Any = None
    """The expression of `for_each`."""


class Plan:
    """A plan or a state, indexed."""

    def __init__(self, top: dict[str, Any]) -> None:
        self.top = top
        key = "planned_values" if "planned_values" in top else "values"
        self.resources: list[Found] = []
        self.instances: dict[tuple[str, str], list[Found]] = {}
        """By module address and `type.name` (`data.type.name`)."""
        self._walk(_dict(_dict(top.get(key)).get("root_module")), f"/{key}/root_module", own=True)
        prior = _dict(_dict(_dict(top.get("prior_state")).get("values")).get("root_module"))
        self._walk(prior, "/prior_state/values/root_module", own=False)
        self.configuration = _dict(_dict(top.get("configuration")).get("root_module"))
        self._indexes: dict[int, dict[str, dict[str, Any]]] = {}
        """Of the resources of a module, by the identity of its configuration."""
        self.unknown = {
            change.get("address"): _dict(_dict(change.get("change")).get("after_unknown"))
            for change in _list(top.get("resource_changes"))
            if isinstance(change, dict) and isinstance(change.get("address"), str)
        }

    def _walk(self, root: dict[str, Any], pointer: str, *, own: bool) -> None:
        stack = [(root, pointer, "", 0)]
        while stack:
            module, pointer, address, depth = stack.pop()
            if depth > MAX_DEPTH:
                span = Span(f"#{pointer}")
                raise FileErrors([Problem(span, f"modules nested deeper than {MAX_DEPTH} levels")])
            for number, each in enumerate(_list(module.get("resources"))):
                found = _found(each, address, f"{pointer}/resources/{number}/values")
                if found is None:
                    continue
                data = "data." if found.mode == "data" else ""
                key = (found.module, f"{data}{found.type}.{found.name}")
                # What was there before stands in only for what the plan does not list.
                if own or data:
                    self.instances.setdefault(key, []).append(found)
                if own:
                    self.resources.append(found)
            children = _list(module.get("child_modules"))
            for number in range(len(children) - 1, -1, -1):
                child = _dict(children[number])
                where = f"{pointer}/child_modules/{number}"
                stack.append((child, where, str(child.get("address", "")), depth + 1))

    def complete(self, found: Found, node: Node) -> None:
        """Put what the plan leaves open into the resource's values."""
        if not isinstance(node.value, dict):
            return
        config = self._expressions(found)
        unknown = self.unknown.get(found.address, {})
        path = node.span.path.partition("#")[0]
        _Completion(self, found, path).fill(node, config, unknown, ATTRIBUTES[found.type])

    def _expressions(self, found: Found) -> dict[str, Any]:
        return _dict(self._configured(found).get("expressions"))

    def _configured(self, found: Found) -> dict[str, Any]:
        """What the configuration says of a resource."""
        module = self._module(found.module)
        index = self._indexes.get(id(module))
        if index is None:
            resources = [_dict(each) for each in _list(module.get("resources"))]
            index = {f"{each.get('type')}.{each.get('name')}": each for each in reversed(resources)}
            self._indexes[id(module)] = index
        return index.get(f"{found.type}.{found.name}", {})

    def _module(self, address: str) -> dict[str, Any]:
        """The configuration of the module that an address stands in."""
        module = self.configuration
        for step in _STEP.finditer(address):
            module = _dict(_dict(_dict(module.get("module_calls")).get(step[1])).get("module"))
        return module

    def resolve(self, found: Found, expression: Any) -> Any:
        """The value of an expression in the module of a resource, or Unknown."""
        return self._value(expression, self._place(found), 0)

    def _place(self, found: Found) -> _Place:
        return _Place(found.module, found.key, self._configured(found).get("for_each_expression"))

    def _value(self, expression: Any, place: _Place, steps: int, suffix: str = "") -> Any:
        """The value of an expression, or what a path behind it leads to."""
        if isinstance(expression, dict) and "constant_value" in expression:
            found = _inside(expression["constant_value"], _steps(suffix))
            return Unknown(NOT_KNOWN) if found is None and suffix else found
        leaves = _leaves(_references(expression))
        if steps > _MAX_STEPS:
            return Unknown("references go in a circle", _symbol(leaves))
        if len(leaves) == 2:
            return self._indexed(leaves[0], leaves[1], place, steps + 1, suffix)
        if len(leaves) != 1:
            return _made_of(leaves)
        return self._reference(leaves[0], place, steps + 1, suffix)

    def _indexed(self, one: str, other: str, place: _Place, steps: int, suffix: str) -> Any:
        """`type.name[each.key].id`: such a path ends for the plan where the index begins."""
        if _BARE.fullmatch(other):
            one, other = other, one
        key = self._reference(other, place, max(steps, _MAX_STEPS - 4), "")
        if isinstance(key, bool) or not isinstance(key, str | int):
            return _made_of([one, other])
        step = _quoted(key)
        if _BARE.fullmatch(one):
            if one.startswith("module."):
                call = _dict(_dict(self._module(place.module).get("module_calls")).get(one[7:]))
                outputs = [*_dict(_dict(call.get("module")).get("outputs"))]
                if len(outputs) != 1:
                    return _made_of([one, other])
                step += f".{outputs[0]}"
            # A number that is a key is one of count, or a text of for_each.
            found = self._reference(one, place, steps, f"{step}{suffix}")
            if isinstance(found, Unknown) and isinstance(key, int):
                found = self._reference(one, place, steps, f'["{key}"]{suffix}')
            return found
        whole = self._reference(one, place, steps, "") if one.startswith("var.") else None
        if isinstance(whole, dict | list):
            found = _inside(whole, [key, *_steps(suffix)])
            return _made_of([one, other]) if found is None else found
        return _made_of([one, other])

    def _reference(self, leaf: str, place: _Place, steps: int, suffix: str) -> Any:
        missing = Unknown(leaf, _symbol([leaf]))
        if leaf in {"each.key", "count.index"}:
            return missing if place.key is None or suffix else place.key
        head, _, rest = leaf.partition(".")
        if head == "each" and rest.startswith("value") and place.key is not None and place.loop:
            path = f"{_quoted(place.key)}{rest.removeprefix('value')}{suffix}"
            return self._value(place.loop, _Place(place.module), steps, path)
        if head == "var":
            return self._variable(f"{rest}{suffix}", place.module, steps, missing)
        if head == "module":
            return self._output(f"{leaf}{suffix}", place, steps, missing)
        if head in {"local", "each", "count", "path", "terraform", "self"}:
            return missing
        parsed = _REFERENCE.fullmatch(f"{leaf}{suffix}")
        if parsed is None:
            return missing
        wanted = _key(parsed[2])
        candidates = self.instances.get((place.module, parsed[1]), [])
        exact = [each for each in candidates if each.key == wanted]
        chosen = exact or (candidates if len(candidates) == 1 and parsed[2] is None else [])
        if not chosen:
            return missing
        return self._attribute(chosen[0], parsed[3] or ".id", steps, missing)

    def _variable(self, path: str, module: str, steps: int, missing: Unknown) -> Any:
        name, *parts = [str(_parts(path)[0]), *_steps(path)[1:]]
        suffix = path[len(name) :]
        if not module:
            given = _dict(self.top.get("variables")).get(name)
            if not isinstance(given, dict) or "value" not in given:
                given = _dict(_dict(self.configuration.get("variables")).get(name))
                given = {"value": given.get("default", missing)}
            return _within(given["value"], parts, missing)
        *_, last = [None, *_STEP.finditer(module)]
        if last is None:  # an address that Terraform would not print
            return missing
        parent = module[: last.start()].rstrip(".")
        call = _dict(_dict(self._module(parent).get("module_calls")).get(last[1]))
        expression = _dict(call.get("expressions")).get(name)
        if expression is not None:
            place = _Place(parent, _key(last[2]), call.get("for_each_expression"))
            return self._value(expression, place, steps, suffix)
        own = _dict(_dict(_dict(call.get("module")).get("variables")).get(name))
        return _within(own.get("default", missing), parts, missing)

    def _output(self, leaf: str, place: _Place, steps: int, missing: Unknown) -> Any:
        step = _STEP.match(leaf)
        if step is None:
            return missing
        path = leaf[step.end() :].lstrip(".")
        name = str(_parts(path)[0])
        child = f"{place.module}.{step[0]}" if place.module else step[0]
        call = _dict(_dict(self._module(place.module).get("module_calls")).get(step[1]))
        output = _dict(_dict(_dict(call.get("module")).get("outputs")).get(name))
        if "expression" not in output:
            return missing
        return self._value(output["expression"], _Place(child), steps, path[len(name) :])

    def _attribute(self, found: Found, path: str, steps: int, missing: Unknown) -> Any:
        parts = _parts(path)
        values = _dict(found.values)
        own = NAMES.get(found.type)
        if parts[0] == "id" and "id" not in values and own:
            parts[0] = own
        if parts[0] == "arn" and own == "alarm_name" and "arn" not in values:
            # The account and the region are not known, and an alarm is told by its name.
            name = self._attribute(found, f".{own}", steps, missing)
            return f"arn:aws:cloudwatch:::alarm:{name}" if isinstance(name, str) else name
        value: Any = values
        config: Any = self._expressions(found)
        for part in parts:
            if isinstance(value, str):  # the path goes into what was made of this text
                break
            config = _enter(config, part)
            value = _enter(value, part)
        if value is not None:
            return value
        if config is not None:
            return self._value(config, self._place(found), steps)
        return missing


class _Completion:
    """One resource being completed."""

    def __init__(self, plan: Plan, found: Found, path: str) -> None:
        self.plan, self.found, self.path = plan, found, path

    def fill(self, node: Node, config: Any, unknown: Any, names: Any) -> None:
        """Every attribute that the values lack and the configuration or the plan has."""
        if not isinstance(node.value, dict):
            return
        for key in [*names]:
            expression = _enter(config, key)
            open_ = _enter(unknown, key)
            # What nobody wrote the provider fills in; it is then not set, and not unknown.
            left_open = open_ is True and not config and key not in _COMPUTED
            if key not in node.value and (left_open or expression is not None):
                node.value[key] = (
                    self._actions(expression, node)
                    if key in _ACTIONS
                    else self._node(self._resolved(key, expression), node)
                )
            elif key in node.value and isinstance(node.value[key].value, list):
                self._blocks(node.value[key], expression, open_, node)
            elif key in node.value:
                _note_open(node.value[key], open_)

    def _resolved(self, key: str, expression: Any) -> Any:
        """What an attribute refers to, if that can be the attribute itself."""
        value = self.plan.resolve(self.found, expression)
        leaves = _leaves(_references(expression))
        if key in _COLLECTIONS:
            fits = isinstance(value, _COLLECTIONS[key])
        elif key == "alarm_rule" and isinstance(value, str):
            fits = _is_rule(value)
        else:
            fits = not isinstance(value, dict | list)
        return value if fits or isinstance(value, Unknown) else _made_of(leaves)

    def _actions(self, config: Any, parent: Node) -> Node:
        """Each thing that a list of actions refers to."""
        nodes: list[Node] = []
        for leaf in _things(config):
            found = self._node(self.plan.resolve(self.found, {"references": [leaf]}), parent)
            nodes += found.value if isinstance(found.value, list) else [found]
        return Node(parent.span, nodes or Unknown(NOT_KNOWN))

    def _blocks(self, node: Node, config: Any, unknown: Any, parent: Node) -> None:
        """Blocks, and lists whose entries are not known one by one."""
        entries = node.value if isinstance(node.value, list) else []
        leaves = _things(config)
        missing = [number for number in range(len(entries)) if _enter(unknown, number) is True]
        for number, each in enumerate(entries):
            open_ = _enter(unknown, number)
            if isinstance(each.value, dict):
                expression = _matching(each, config, number, len(entries))
                names = [*_dict(open_), *_dict(expression)]
                self.fill(each, expression, open_, dict.fromkeys(names))
            elif each.value is None and open_ is True:
                value: Any = Unknown(NOT_KNOWN, _symbol(leaves))
                if len(leaves) == len(missing):  # then each open entry is one of them
                    expression = {"references": [leaves[missing.index(number)]]}
                    value = self.plan.resolve(self.found, expression)
                entries[number] = self._node(value, parent)

    def _node(self, value: Any, parent: Node) -> Node:
        if isinstance(value, Unknown):
            return Node(parent.span, value)
        pointer = parent.span.path.partition("#")[2]
        return from_json(value, self.path, pointer)


def _note_open(node: Node, unknown: Any) -> None:
    """Entries of a map that the values lack because they are not known."""
    if isinstance(node.value, dict):
        for name, each in _dict(unknown).items():
            if each is True:
                node.value.setdefault(name, Node(node.span, Unknown(NOT_KNOWN)))


def _matching(block: Node, config: Any, number: int, count: int) -> Any:
    """The expressions of a block: the one with its id, or the one in its place.

    The blocks of a set are printed in another order than they are written in, and those that
    `dynamic` makes have no expressions.
    """
    blocks = _list(config)
    own = block.get("id")
    if own is not None:
        ids = [_dict(_dict(each).get("id")).get("constant_value") for each in blocks]
        if own.value in ids:
            return blocks[ids.index(own.value)]
        if any(ids) or count > 1:
            return None
    return _enter(blocks, number)


def _found(each: Any, module: str, pointer: str) -> Found | None:
    if not isinstance(each, dict):
        return None
    type_, name, index = each.get("type"), each.get("name"), each.get("index")
    if not isinstance(type_, str) or not isinstance(name, str):
        return None
    if each.get("deposed_key"):  # replaced, and only not deleted yet
        return None
    address = str(each.get("address", f"{type_}.{name}"))
    index = index if isinstance(index, str | int) else None
    mode = str(each.get("mode", "managed"))
    return Found(address, module, mode, type_, name, index, each.get("values"), pointer)


def _references(expression: Any) -> list[str]:
    listed = _list(_dict(expression).get("references"))
    return [each for each in listed if isinstance(each, str)]


def _leaves(references: list[str]) -> list[str]:
    """Without what is only the beginning of another."""
    longest = [
        each
        for each in references
        if not any(
            other != each and other.startswith((f"{each}.", f"{each}[")) for other in references
        )
    ]
    return list(dict.fromkeys(longest))


def _things(expression: Any) -> list[str]:
    """What a list refers to, without mere indexes."""
    leaves = _leaves(_references(expression))
    return [each for each in leaves if not each.startswith(("each.", "count."))] or leaves


def _made_of(leaves: list[str]) -> Unknown:
    return Unknown(f"made of {' and '.join(leaves)}" if leaves else NOT_KNOWN, _symbol(leaves))


def _is_rule(text: str) -> bool:
    """Whether this is a rule, not only the name of an alarm that one names."""
    try:
        compile_rule(text)
    except ParseError:
        return False
    return True


def _within(value: Any, parts: list[str | int], missing: Unknown) -> Any:
    found = value if isinstance(value, Unknown) else _inside(value, parts)
    return missing if found is None and parts else found


def _inside(value: Any, parts: list[str | int]) -> Any:
    for part in parts:
        value = _enter(value, part)
    return value


def _symbol(leaves: list[str]) -> str:
    return "".join(f"${{{each}}}" for each in leaves)


def _enter(value: Any, part: str | int) -> Any:
    if isinstance(part, int):
        return value[part] if isinstance(value, list) and part < len(value) else None
    if isinstance(value, list):  # a single block, written without its index
        value = value[0] if len(value) == 1 else None
    return value.get(part) if isinstance(value, dict) else None


def _key(text: str | None) -> str | int | None:
    if text is None:
        return None
    return _unquoted(text) if text.startswith('"') else int(text[:18])


def _quoted(key: str | int) -> str:
    return f"[{msgspec.json.encode(key).decode()}]"


def _unquoted(text: str) -> str:
    """The text of a key; addresses quote it as JSON does."""
    try:
        return str(msgspec.json.decode(text))
    except msgspec.DecodeError:
        return text[1:-1]


def _parts(path: str) -> list[str | int]:
    """The steps of an attribute's path; without any it is the id."""
    return _steps(path) or ["id"]


def _steps(path: str) -> list[str | int]:
    return [
        int(each[2][:18]) if each[2] else each[1] or (_unquoted(each[3]) if each[3] else "")
        for each in _PART.finditer(path)
    ]


def _dict(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []
