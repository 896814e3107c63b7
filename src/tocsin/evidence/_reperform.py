"""Each verdict once more, from what a day's folder holds and nothing else."""

from __future__ import annotations

import base64
import hashlib
import json
import math
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any

import msgspec

from tocsin.control import (
    LedgerNeed,
    LedgerSeen,
    Period,
    QueryNeed,
    Row,
    SeriesSeen,
    Unanswered,
    judge,
    load_catalogue,
)
from tocsin.durations import DAY
from tocsin.errors import ConfigError, ParseError, QueryError
from tocsin.evidence._answers import read_answer
from tocsin.evidence._record import Answer, shown_finding
from tocsin.evidence._requests import request_of
from tocsin.evidence._samples import read_samples
from tocsin.printable import printable
from tocsin.promql import Options, Vector, evaluate, parse

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tocsin.control import Control, Need, Observation
    from tocsin.evidence._samples import KeptSamples

__all__ = ["LEDGER", "InputAgain", "Reperformed", "Reperformer", "differing"]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
LEDGER = "ledger.jsonl"
"""The file of a day that holds its part of the ledger."""


class _Body(msgspec.Struct):
    encoding: str
    data: str


class _Answered(msgspec.Struct):
    status: int
    started: str
    ended: str
    sha256: str
    body: _Body
    failure: str | None = None


class _Asked(msgspec.Struct):
    params: dict[str, str]


class _Input(msgspec.Struct):
    name: str
    request: _Asked
    answer: _Answered | None = None


class _Control(msgspec.Struct):
    id: str
    version: int


class _Period(msgspec.Struct):
    day: str
    start: str
    end: str


class _Catalogue(msgspec.Struct):
    sha256: str


class _Samples(msgspec.Struct):
    sha256: str
    lacking: str


class _Source(msgspec.Struct):
    program: str = ""
    version: str = ""


class _Record(msgspec.Struct):
    control: _Control
    period: _Period
    state: str
    findings: list[dict[str, str]]
    inputs: list[_Input]
    catalogue: _Catalogue
    samples: _Samples
    source: _Source


@dataclass(frozen=True, slots=True)
class InputAgain:
    """One input of a record, looked at again."""

    name: str
    how: str
    """`computed` from samples, `compared` with the ledger, or `read` from the answer's bytes."""
    wrong: str = ""
    """What is not as the record has it; empty where all is."""
    query: str = ""
    grid: tuple[int, int, int] = (0, 0, 0)
    """Of a query: first time, last time, step."""


@dataclass(slots=True)
class Reperformed:
    """A record and its second verdict."""

    file: str
    control: str = ""
    recorded: str = ""
    state: str = ""
    """What the verdict is now."""
    inputs: list[InputAgain] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    samples: str = ""
    """SHA-256 of those that were used."""

    @property
    def equal(self) -> bool:
        return not self.wrong and not any(each.wrong for each in self.inputs)


class Reperformer:
    """Over the files of one day, by name."""

    def __init__(self, files: Mapping[str, bytes], place: str = "") -> None:
        """`place` stands before the names of records that it tells of."""
        self._files = files
        self._place = place
        self._kept: dict[str, tuple[bytes, KeptSamples]] = {}
        self._ledger = self._read_ledger()

    def records(self) -> list[Reperformed]:
        """Every record of the day, in order."""
        names = [n for n in self._files if n.endswith(".json") and "/" not in n]
        found = []
        for name in sorted(names):
            if name == "day.json":
                continue
            try:
                record = msgspec.json.decode(self._files[name], type=_Record)
            except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
                found.append(
                    Reperformed(self._place + name, wrong=[f"not a record of this form: {error}"])
                )
                continue
            found.append(self._again(name, record))
        return found

    def samples(self, sha256: str) -> tuple[bytes, KeptSamples]:
        """OpenMetrics text and samples. Raises ParseError."""
        if sha256 not in self._kept:
            data = self._file(f"samples/{sha256}.om.gz", sha256)
            self._kept[sha256] = read_samples(data)
        return self._kept[sha256]

    def rows(self, sha256: str, each: InputAgain, version: int) -> tuple[Row, ...]:
        """What a query yields over the samples. Raises ParseError, QueryError."""
        start, end, step = each.grid
        options = Options(version=version)
        kept, query = self.samples(sha256)[1], parse(each.query)
        if each.how == "computed once":
            result = evaluate(query, kept, start, options=options)
        else:
            result = evaluate(query, kept, start, end, step, options=options)
        if not isinstance(result, Vector):
            raise QueryError("the query yields no vector")
        times = range(start, end + 1, step)
        return tuple(
            Row(labels.pairs, tuple(
                (time, value)
                for time, value, there in zip(times, values, present, strict=True)
                if there
            ))
            for labels, values, present in zip(
                result.labels, result.values.tolist(), result.present.tolist(), strict=True
            )
        )  # fmt: skip

    def _file(self, name: str, sha256: str) -> bytes:
        data = self._files.get(name)
        if data is None:
            raise ParseError(f"{name} is missing")
        if hashlib.sha256(data).hexdigest() != sha256:
            raise ParseError(f"{name} is not what its name says")
        return data

    def _again(self, name: str, record: _Record) -> Reperformed:
        done = Reperformed(
            self._place + name, record.control.id, record.state, samples=record.samples.sha256
        )
        try:
            control, period = self._control(record), _period(record.period)
        except (ParseError, ConfigError, ValueError) as error:
            done.wrong.append(str(error))
            return done
        observations: dict[str, Observation] = {}
        inputs = {each.name: each for each in record.inputs}
        if set(inputs) != {need.name for need in control.needs}:
            done.wrong.append("the record's inputs are not those of the catalogue")
        for need in control.needs:
            found = inputs.get(need.name)
            if found is None:
                continue
            if found.request.params != dict(request_of(need, period).params):
                done.wrong.append(f"{need.name}: something else was asked than agreed")
            if found.answer is not None:
                try:
                    again, seen = self._input(need, found.answer, period, record)
                except (ValueError, OverflowError) as error:
                    told = printable(str(error), 200)
                    again, seen = InputAgain(need.name, "read", told), Unanswered("")
                done.inputs.append(again)
                observations[need.name] = seen
        verdict = judge(control, period, observations)
        done.state = str(verdict.state)
        if done.state != record.state:
            done.wrong.append(f"the verdict is {done.state}, not {record.state}")
        elif [shown_finding(each) for each in verdict.findings] != record.findings:
            done.wrong.append("the findings are not those of the record")
        return done

    def _control(self, record: _Record) -> Control:
        sha256 = record.catalogue.sha256
        text = self._file(f"plan/{sha256}.yaml", sha256)
        for control in load_catalogue(text, f"plan/{sha256}.yaml").controls:
            if (control.id, control.version) == (record.control.id, record.control.version):
                return control
        raise ParseError(f"the catalogue has no {record.control.id} {record.control.version}")

    def _input(
        self, need: Need, answered: _Answered, period: Period, record: _Record
    ) -> tuple[InputAgain, Observation]:
        body = _bytes(answered.body)
        if hashlib.sha256(body).hexdigest() != answered.sha256:
            return InputAgain(need.name, "read", "the answer's bytes do not match"), Unanswered("")
        if answered.failure is not None:
            return InputAgain(need.name, "read"), Unanswered(answered.failure)
        answer = Answer(_micros(answered.started), _micros(answered.ended), answered.status, body)
        seen = read_answer(need, answer)
        if isinstance(need, QueryNeed) and isinstance(seen, SeriesSeen):
            return self._computed(need, seen, period, record)
        if need.path == LedgerNeed.path and isinstance(seen, LedgerSeen):
            return self._compared(need, seen, period), seen
        return InputAgain(need.name, "read"), seen

    def _computed(
        self, need: QueryNeed, seen: SeriesSeen, period: Period, record: _Record
    ) -> tuple[InputAgain, Observation]:
        how = "computed" if need.path == "query_range" else "computed once"
        each = InputAgain(need.name, how, "", need.text(period), need.grid(period))
        if record.samples.lacking:
            wrong = f"the samples are not whole: {record.samples.lacking}"
            return InputAgain(each.name, how, wrong), seen
        try:
            rows = self.rows(record.samples.sha256, each, _version(record.source))
        except (ParseError, QueryError) as error:
            return InputAgain(each.name, how, str(error)), seen
        wrong = differing(rows, seen.rows)
        if wrong:
            each = InputAgain(each.name, how, wrong, each.query, each.grid)
        # Rows in the order of the answer: the order of findings follows it.
        order = {row.labels: position for position, row in enumerate(seen.rows)}
        rows = tuple(sorted((r for r in rows if r.points), key=lambda r: order.get(r.labels, 0)))
        return each, SeriesSeen(rows, seen.warnings)

    def _compared(self, need: Need, seen: LedgerSeen, period: Period) -> InputAgain:
        if self._ledger is None:
            return InputAgain(need.name, "read")
        kinds = dict(need.params(period))["kinds"].split(",")
        sealed = [
            entry
            for entry in self._ledger
            if entry.get("kind") in kinds and period.start <= entry["time"] < period.end
        ]
        # What is asked of days before lies in their ledgers.
        told = [
            {"seq": e.seq, "time": e.time, "kind": e.kind, "body": e.body}
            for e in seen.entries
            if e.time >= period.start
        ]
        wrong = "" if sealed == told else "the ledger's entries are not those of the answer"
        return InputAgain(need.name, "compared", wrong)

    def _read_ledger(self) -> list[dict[str, Any]] | None:
        """The sealed ledger; None where the day has none."""
        data = self._files.get(LEDGER)
        if not data:
            return None
        found = []
        for line in data.splitlines():
            try:
                entry = json.loads(line)
            except (ValueError, RecursionError):
                continue
            if isinstance(entry, dict) and "body" in entry and type(entry.get("time")) is int:
                entry.pop("prev", None)
                found.append(entry)
        return found


def differing(found: tuple[Row, ...], recorded: tuple[Row, ...]) -> str:
    """Where two answers are not the same; empty where they are."""
    ours = {row.labels: dict(row.points) for row in found if row.points}
    theirs = {row.labels: dict(row.points) for row in recorded if row.points}
    if ours.keys() != theirs.keys():
        return f"{len(ours)} series, not {len(theirs)}, or other ones"
    for labels, points in theirs.items():
        again = ours[labels]
        if points.keys() != again.keys():
            return f"{len(again)} values, not {len(points)}, or at other times"
        for time, value in points.items():
            if not _same(value, again[time]):
                return f"{again[time]!r}, not {value!r}, at {time / 1e6:.0f}"
    return ""


def _same(a: float, b: float) -> bool:
    """Equal to the last digits: sums may be taken in another order."""
    return a == b or (math.isnan(a) and math.isnan(b)) or math.isclose(a, b, rel_tol=1e-12)


def _version(source: _Source) -> int:
    """Of the rules for windows, which Prometheus 3 changed."""
    return 2 if source.program == "Prometheus" and source.version.startswith("2.") else 3


def _period(period: _Period) -> Period:
    """Raises ValueError; a period of years would be asked of minute by minute."""
    found = Period(date.fromisoformat(period.day), _micros(period.start), _micros(period.end))
    if not 0 <= found.end - found.start <= DAY:
        raise ValueError(
            f"a period from {period.start[:40]} to {period.end[:40]}, not within a day"
        )
    return found


def _micros(text: str) -> int:
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError(f"a time without a zone: {text[:40]!r}")
    return (moment - _EPOCH) // timedelta(microseconds=1)


def _bytes(body: _Body) -> bytes:
    if body.encoding == "base64":
        try:
            return base64.b64decode(body.data, validate=True)
        except ValueError:
            return b""
    return body.data.encode("utf-8", "surrogatepass")
