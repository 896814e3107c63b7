"""Who acknowledged which alert, and when: each firing begun, and the word of somebody about it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeVar

from tocsin.control._model import Finding, Kind
from tocsin.control._period import utc
from tocsin.control._steps import shown_labels
from tocsin.durations import SECOND, format_duration
from tocsin.printable import printable

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from tocsin.control._model import Acknowledged
    from tocsin.control._observed import LedgerSeen
    from tocsin.control._period import Period

__all__ = ["Firing", "acknowledged", "firings_of"]

_FIRING = frozenset({"firing", "ALARM"})


class Told(Protocol):
    """An entry of the ledger."""

    @property
    def time(self) -> int: ...
    @property
    def kind(self) -> str: ...
    @property
    def body(self) -> Mapping[str, Any]: ...


_Told = TypeVar("_Told", bound=Told)


@dataclass(slots=True)
class Firing(Generic[_Told]):
    """An alert that began to fire."""

    name: str
    """Of the alerting rule, the alarm or the correlation."""
    labels: tuple[tuple[str, str], ...]
    """Sorted; of an alarm there are none."""
    entry: _Told
    """Of its begin."""
    answer: _Told | None = None
    """The first acknowledgement after it that is of it."""

    @property
    def time(self) -> int:
        """Microseconds since 1970 UTC."""
        return self.entry.time

    @property
    def shown(self) -> str:
        rest = tuple(pair for pair in self.labels if pair != ("alertname", self.name))
        return f"{printable(self.name)}{shown_labels(rest)}"


def firings_of(entries: Iterable[_Told]) -> list[Firing[_Told]]:
    """Each begin of firing among entries in order, with its acknowledgement.

    An acknowledgement names an alert and some of its labels; it is of every firing of it that began
    before. An alarm that was told early and then evaluated began once.
    """
    found: list[Firing[_Told]] = []
    going: set[tuple[str, tuple[tuple[str, str], ...]]] = set()
    waiting: list[Firing[_Told]] = []
    for entry in entries:
        body = entry.body
        if entry.kind == "transition":
            name, labels = _subject(body)
            if str(body.get("after")) not in _FIRING:
                going.discard((name, labels))
            elif name and (name, labels) not in going:
                going.add((name, labels))
                found.append(Firing(name, labels, entry))
                waiting.append(found[-1])
        elif entry.kind == "acknowledgement":
            wanted = _pairs(body.get("labels"))
            mine = [e for e in waiting if e.name == body.get("alert") and wanted <= {*e.labels}]
            for each in mine:
                each.answer = entry
            waiting = [each for each in waiting if each.answer is None]
    return found


def acknowledged(need: Acknowledged, seen: LedgerSeen, period: Period) -> Iterator[Finding]:
    """Each alert whose time for an acknowledgement ran out in the period has one."""
    if seen.asked < period.end:
        text = f"{need.name}: the ledger was read before the period ended"
        yield Finding(need.name, Kind.LACKING, text, seen.asked, period.end)
    due = [
        each
        for each in firings_of(seen.entries)
        if period.start <= each.time + need.within < period.end
        and (not need.required or each.name in need.required)
    ]
    allowed = format_duration(need.within)
    for each in due:
        since = f"alert {each.shown} fired at {utc(each.time // SECOND * SECOND)}"
        answer = each.answer
        if answer is None:
            text = f"{since} and nobody acknowledged it within {allowed}"
            yield Finding(need.name, Kind.CROSSED, text, each.time, each.time + need.within)
        elif answer.time - each.time > need.within:
            took = format_duration((answer.time - each.time) // SECOND * SECOND)
            text = f"{since} and was acknowledged after {took} by {_who(answer.body)}"
            yield Finding(need.name, Kind.CROSSED, text, each.time, answer.time)
        else:
            text = f"{since}, acknowledged by {_who(answer.body)}"
            yield Finding(need.name, Kind.MET, text, each.time, answer.time)
    if not due:
        text = f"no alert was waiting longer than {allowed} for an acknowledgement"
        yield Finding(need.name, Kind.MET, text)


def _subject(body: Mapping[str, Any]) -> tuple[str, tuple[tuple[str, str], ...]]:
    name = str(body.get("rule") or body.get("alarm") or body.get("correlation") or "")
    group = body.get("group")
    return name, tuple(sorted(_pairs(group if isinstance(group, dict) else body.get("labels"))))


def _pairs(value: Any) -> set[tuple[str, str]]:
    if not isinstance(value, dict):
        return set()
    return {(str(name), str(each)) for name, each in value.items()}


def _who(body: Mapping[str, Any]) -> str:
    by, ticket = printable(str(body.get("by", ""))), printable(str(body.get("ticket") or ""))
    return f"{by} ({ticket})" if ticket else by
