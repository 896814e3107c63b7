"""Why a pattern matched an event, or did not, node by node.

Every node is judged, also those that a matcher would skip, by the very functions that match.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from tocsin.pattern._compare import FieldText, as_text, holds, is_comparable
from tocsin.pattern._event import Event
from tocsin.pattern._match import bind, compares, select, state_holds, term_occurs
from tocsin.pattern._parse import MAX_LENGTH
from tocsin.pattern._settings import DEFAULTS
from tocsin.pattern._syntax import (
    And,
    Comparison,
    Everything,
    Fields,
    Json,
    Or,
    Selector,
    Sign,
    State,
    StateTest,
    Terms,
)
from tocsin.printable import printable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tocsin.pattern._settings import Settings
    from tocsin.pattern._syntax import Condition, Pattern, Term

__all__ = ["Node", "explain", "render"]

_SHOWN = 60
_WIDEST = 60


@dataclass(frozen=True, slots=True)
class Node:
    """A part of a pattern and what became of it."""

    text: str
    """The part, as the pattern writes it."""
    verdict: bool | None
    """None: not looked at, or without influence."""
    reason: str
    children: tuple[Node, ...] = ()
    kind: Literal["pattern", "all of", "any of", "part"] = "part"
    """The whole pattern, conditions joined by `&&` or by `||`, or a single part."""

    @property
    def matched(self) -> bool:
        return self.verdict is True


def render(node: Node) -> str:
    """Plain text, one node a line."""
    lines = list(_lines(node, 0))
    width = max((len(text) for text, _ in lines if len(text) <= _WIDEST), default=0)
    return "\n".join(f"{text:<{width}}  {reason}".rstrip() for text, reason in lines)


def _lines(node: Node, depth: int) -> Iterator[tuple[str, str]]:
    mark = {True: "yes", False: "no ", None: " - "}[node.verdict]
    text = node.kind if node.kind.endswith("of") else printable(node.text, MAX_LENGTH * 2)
    yield f"{mark} {'  ' * depth}{text}", node.reason
    for child in node.children:
        yield from _lines(child, depth + 1)


def explain(pattern: Pattern, message: str | bytes | Event, settings: Settings = DEFAULTS) -> Node:
    """Judge every node of a pattern."""
    event = message if isinstance(message, Event) else Event(message)
    body = pattern.body
    if isinstance(body, Everything):
        return Node("(empty)", True, "an empty pattern matches every event", kind="pattern")
    if isinstance(body, Terms):
        return _explain_terms(body, event.text)
    if isinstance(body, Json):
        return _explain_json(body, event, settings)
    return _explain_fields(body, event, settings)


def _explain_terms(body: Terms, text: str) -> Node:
    children = tuple(_explain_term(term, text, body.ignored) for term in body.items)
    counted = [child.matched for child in children if child.verdict is not None]
    if body.ignored:
        verdict = all(counted)
        reason = "every term is as asked" if verdict else "a term is not as asked"
    else:
        verdict = any(counted)
        reason = "one of the optional terms is there" if verdict else "no optional term is there"
    return Node(str(body), verdict, reason, children, "pattern")


def _explain_term(term: Term, text: str, ignored: bool) -> Node:
    occurs = term_occurs(term, text)
    if term.sign is Sign.OPTIONAL and ignored:
        return Node(str(term), None, "ignored: ? counts only where every term has it")
    reason = _whereabouts(term, text, occurs)
    if term.sign is Sign.EXCLUDED:
        return Node(str(term), not occurs, f"{reason}, and excluded" if occurs else reason)
    return Node(str(term), occurs, reason)


def _whereabouts(term: Term, text: str, occurs: bool) -> str:
    if term.matches_all:
        return "a blank phrase matches every event"
    if not isinstance(term.what, str):
        return "the regular expression matches" if occurs else "no match"
    if occurs:
        return f"found at character {text.index(term.what) + 1}"
    at = text.lower().find(term.what.lower())
    if at >= 0:
        there = printable(text[at : at + len(term.what)], _SHOWN)
        return f"not found; {there} is there, but case counts"
    return "not found"


def _explain_json(body: Json, event: Event, settings: Settings) -> Node:
    if not event.is_json:
        start = printable(event.text, 20)
        reason = f"the event is not a JSON object as a whole, it begins {start!r}"
        return Node(str(body), False, reason, kind="pattern")

    def judge(leaf: Comparison | StateTest) -> tuple[bool, str]:
        subject = leaf.subject
        if not isinstance(subject, Selector):
            return False, "no selector"
        nodes = select(event.json, subject)
        if isinstance(leaf, StateTest):
            return state_holds(leaf.state, nodes), _state_reason(leaf.state, subject, nodes, event)
        return compares(leaf, nodes, settings), _json_reason(leaf, subject, nodes, event, settings)

    node = _walk(body.condition, judge)
    return Node(str(body), node.verdict, "", (node,), "pattern")


def _walk(
    condition: Condition, judge: Callable[[Comparison | StateTest], tuple[bool, str]]
) -> Node:
    if not isinstance(condition, And | Or):
        verdict, reason = judge(condition)
        return Node(str(condition), verdict, reason)
    children = tuple(_walk(item, judge) for item in condition.items)
    verdicts = [child.verdict for child in children]
    if isinstance(condition, And):
        failed = verdicts.count(False)
        reason = f"{failed} of {len(verdicts)} do not hold" if failed else "all hold"
        return Node(str(condition), not failed, reason, children, "all of")
    held = verdicts.count(True)
    reason = f"{held} of {len(verdicts)} hold" if held else "none holds"
    return Node(str(condition), held > 0, reason, children, "any of")


def _state_reason(state: State, subject: Selector, nodes: list[Any], event: Event) -> str:
    if not nodes:
        return _missing(subject, event)
    if state is State.MISSING and nodes == [None]:
        return f"{subject} is there, with null"
    return f"{subject} is {_shown(nodes)}"


def _json_reason(
    leaf: Comparison, subject: Selector, nodes: list[Any], event: Event, settings: Settings
) -> str:
    if not nodes:
        neither = ", != neither" if leaf.op == "!=" else ""
        if settings.missing_not_equal and neither:
            return f"{_missing(subject, event)}; by setting, != holds"
        return f"{_missing(subject, event)}: no comparison holds{neither}"
    if not any(is_comparable(node, settings) for node in nodes):
        return f"{subject} is {_shown(nodes)}: no comparison holds, != neither"
    holding = [
        node
        for node in nodes
        if is_comparable(node, settings) and holds(node, leaf.op, leaf.value, settings)
    ]
    if len(nodes) > 1:
        which = f", for example {_shown(holding[:1])}" if holding else ""
        return f"{len(holding)} of {len(nodes)} values satisfy it{which}"
    return f"{subject} is {_shown(nodes)}"


def _missing(subject: Selector, event: Event) -> str:
    """Name the first step that leads nowhere, and what stands there in other case."""
    for count in range(1, len(subject.steps) + 1):
        way = Selector(subject.steps[:count])
        if select(event.json, way):
            continue
        step = subject.steps[count - 1]
        for parent in select(event.json, Selector(subject.steps[: count - 1])):
            if isinstance(parent, dict) and isinstance(step, str):
                other = [key for key in parent if key.lower() == step.lower()]
                if other:
                    return f"{way} is not in the event, {printable(other[0], _SHOWN)} is"
        return f"{way} is not in the event"
    return f"{subject} is not in the event"


def _shown(nodes: list[Any]) -> str:
    return ", ".join(_kind(node) for node in nodes[:3]) + (", ..." if len(nodes) > 3 else "")


def _kind(node: Any) -> str:
    if isinstance(node, dict):
        return "an object"
    if isinstance(node, list):
        return "an array"
    if node is None:
        return "null"
    text = printable(as_text(node), _SHOWN)
    # A number is a str that remembers where it comes from.
    return f'"{text}"' if type(node) is str else text


def _explain_fields(body: Fields, event: Event, settings: Settings) -> Node:
    bound = bind(body, event, settings)
    if bound is None:
        has = len(event.fields(settings))
        wanted = len(body.before) + len(body.after)
        least = "at least " if body.has_ellipsis or settings.last_field == "rest" else ""
        fields = "field" if has == 1 else "fields"
        reason = f"the event has {has} {fields}, the pattern needs {least}{wanted}"
        return Node(str(body), False, reason, kind="pattern")
    children = []
    for entry, value in bound.named:
        shown = f'is "{printable(value, _SHOWN)}"'
        if entry.condition is None:
            children.append(Node(str(entry) or "(unnamed)", True, shown))
            continue

        def judge(
            leaf: Comparison | StateTest, value: str = value, shown: str = shown
        ) -> tuple[bool, str]:
            if isinstance(leaf, StateTest):
                return False, shown
            return holds(FieldText(value), leaf.op, leaf.value, settings), shown

        children.append(_walk(entry.condition, judge))
    verdict = all(child.matched for child in children)
    reason = f"{len(bound.values)} fields"
    return Node(str(body), verdict, reason, tuple(children), "pattern")
