"""Run Prometheus' `.test` files: `python -m tests.conformance.promql DIR`.

The notation is described in Prometheus' source, `promql/promqltest/README.md`: loads of
made-up series, queries, and what they must give. Annotations (`eval_warn`, `expect
info`, ...) are read and not checked: Tocsin gives results, not annotations.

A case is *refused* where Tocsin, or this reader, names a construct that it does not
support, or where the case touches a native histogram; everything else passes or fails.
"""

from __future__ import annotations

import math
import re
import sys
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from tocsin.durations import SECOND, parse_duration
from tocsin.errors import ParseError, QueryError, UnsupportedError
from tocsin.labels import METRIC_NAME, Labels, Matcher
from tocsin.promql import Matrix, Options, Result, Scalar, String, Vector, evaluate, parse
from tocsin.series import NO_SAMPLES, STALE, Selection

NATIVE = "native histogram"
_TOLERANCE = 1e-6
_LONGEST = 1_000_000
_OPTIONS = Options(delayed_names=True)
"""Prometheus runs these files with its feature `promql-delayed-name-removal` on."""


class Unknown(Exception):  # noqa: N818 - it is an answer, not a fault
    """The reader does not know a construct; the message names it."""


@dataclass(frozen=True)
class Case:
    """One query of a file and what became of it."""

    path: Path
    line: int
    query: str
    state: str
    """`passed`, `failed` or `refused`."""
    reason: str = ""


class Store:
    """Made-up series by label set; a Queryable."""

    def __init__(self) -> None:
        self._samples: dict[Labels, dict[int, float]] = {}
        self._columns: dict[Labels, tuple[np.ndarray, np.ndarray]] = {}
        self.strange: dict[Labels, str] = {}
        """Series that Tocsin cannot hold, each with the name of the construct."""

    def add(self, labels: Labels, samples: dict[int, float]) -> None:
        self._samples.setdefault(labels, {}).update(samples)
        self._columns.pop(labels, None)

    def select(self, matchers: tuple[Matcher, ...], start: int, end: int) -> Selection:
        chosen = [each for each in self._samples if _matches(each, matchers)]
        if not chosen:
            return NO_SAMPLES
        times, values, counts = [], [], []
        for labels in chosen:
            column = self._column(labels)
            low, high = np.searchsorted(column[0], (start, end + 1))
            times.append(column[0][low:high])
            values.append(column[1][low:high])
            counts.append(high - low)
        offsets = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
        return Selection(chosen, np.concatenate(times), np.concatenate(values), offsets)

    def _column(self, labels: Labels) -> tuple[np.ndarray, np.ndarray]:
        if labels not in self._columns:
            samples = sorted(self._samples[labels].items())
            self._columns[labels] = (
                np.array([time for time, _ in samples], np.int64),
                np.array([value for _, value in samples], np.float64),
            )
        return self._columns[labels]


def _matches(labels: Labels, matchers: tuple[Matcher, ...]) -> bool:
    return all(matcher.matches(labels[matcher.name]) for matcher in matchers)


# --- series notation ---------------------------------------------------------------

_NUMBER = r"(?:[+-]?(?:inf|nan|[0-9]+\.?[0-9]*(?:e[+-]?[0-9]+)?|\.[0-9]+(?:e[+-]?[0-9]+)?))"
_ITEM = re.compile(
    rf"(?P<value>stale|{_NUMBER})(?:(?P<step>[+-](?:{_NUMBER}))?x(?P<times>[0-9]+))?",
    re.IGNORECASE,
)
_GAP = re.compile(r"_(?:x([0-9]+))?")
_NAME = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*")
_STRING = r"\"(?:[^\"\\]|\\.)*\"|'(?:[^'\\]|\\.)*'|`[^`]*`"
_LABEL = re.compile(rf"\s*(?:(?P<plain>[a-zA-Z_][a-zA-Z0-9_]*)|(?P<quoted>{_STRING}))\s*")
_VALUE = re.compile(rf"=\s*(?P<value>{_STRING})\s*")


def _unquote(text: str) -> str:
    if text[0] == "`":
        return text[1:-1]
    try:
        return text[1:-1].encode("latin-1", "backslashreplace").decode("unicode_escape")
    except UnicodeDecodeError:
        raise Unknown(f"string escape {text}") from None


def read_series(text: str) -> tuple[Labels, str]:
    """Labels, and the rest of the line."""
    found: dict[str, str] = {}
    name = _NAME.match(text)
    place = name.end() if name else 0
    if name:
        found[METRIC_NAME] = name.group()
    if text[place : place + 1] == "{":
        place = len(text) - len(text[place + 1 :].lstrip())
        while text[place : place + 1] != "}":
            label = _LABEL.match(text, place)
            if label is None:
                raise Unknown(f"series {text}")
            place = label.end()
            value = _VALUE.match(text, place)
            if value:
                found[label["plain"] or _unquote(label["quoted"])] = _unquote(value["value"])
                place = value.end()
            elif label["quoted"]:
                found[METRIC_NAME] = _unquote(label["quoted"])
            else:
                raise Unknown(f"series {text}")
            if text[place : place + 1] == ",":
                place += 1
                while text[place : place + 1] == " ":
                    place += 1
        place += 1
    elif not name:
        raise Unknown(f"series {text}")
    return Labels(found), text[place:].strip()


def _float(text: str) -> float:
    return float(text.lower().replace("+inf", "inf"))


def read_values(text: str) -> list[float | None]:
    """The values of a series; None is a gap."""
    if "{{" in text:
        raise Unknown(NATIVE)
    found: list[float | None] = []
    for item in text.split():
        gap = _GAP.fullmatch(item)
        if gap:
            found.extend([None] * min(int(gap.group(1) or 1), _LONGEST + 1))
            continue
        match = _ITEM.fullmatch(item)
        if match is None:
            raise Unknown(f"series value {item}")
        value = STALE if match["value"].lower() == "stale" else _float(match["value"])
        step = _float(match["step"].replace("+-", "-").replace("--", "")) if match["step"] else 0.0
        if int(match["times"] or 0) + len(found) > _LONGEST:
            raise Unknown(f"series of more than {_LONGEST} values: {item}")
        for _ in range(int(match["times"] or 0) + 1):
            found.append(value)
            # Adding zero would take the marker out of a staleness marker.
            value = value + step if step else value
    return found


# --- commands ----------------------------------------------------------------------

_LOAD = re.compile(r"load(_with_nhcb)?\s+(\S+)(?:\s+(.+))?")
_INSTANT = re.compile(r"eval(?:_(\w+))?\s+instant\s+(?:at\s+)?(\S+)\s+(.+)")
_RANGE = re.compile(r"eval(?:_(\w+))?\s+range\s+from\s+(\S+)\s+to\s+(\S+)\s+step\s+(\S+)\s+(.+)")
_EXPECT = re.compile(r"expect\s+(\w+)\s*(.*)")
_DETAIL = re.compile(r"(msg|regex):\s*(.*)")
_RANGE_VECTOR = re.compile(r"vector\s+from\s+(\S+)\s+to\s+(\S+)\s+step\s+(\S+)")
_ANNOTATIONS = frozenset({"warn", "no_warn", "info", "no_info"})
_MODES = frozenset({None, "fail", "warn", "info", "ordered"})


@dataclass
class Expected:
    """What the indented lines below a query ask for."""

    ordered: bool = False
    fails: bool = False
    message: str | None = None
    pattern: str | None = None
    scalar: float | None = None
    string: str | None = None
    series: list[tuple[Labels, list[float | None]]] = field(default_factory=list)
    grid: tuple[int, int] | None = None
    """First time and step of an expected range vector."""


def _time(text: str) -> int:
    sign = -1 if text.startswith("-") else 1
    digits = text.lstrip("+-")
    try:
        return sign * (
            round(float(digits) * SECOND)
            if re.fullmatch(r"[0-9.]+", digits)
            else parse_duration(digits)
        )
    except (ParseError, ValueError):
        raise Unknown(f"time {text}") from None


def _expectations(lines: list[str], mode: str | None) -> Expected:
    if mode not in _MODES:
        raise Unknown(f"command eval_{mode}")
    want = Expected(ordered=mode == "ordered", fails=mode == "fail")
    for line in lines:
        expect = _EXPECT.fullmatch(line)
        if expect:
            _expect(want, expect[1], expect[2].strip())
        elif line.startswith("expected_fail_message"):
            want.message = line.split(None, 1)[1]
        elif line.startswith("expected_fail_regexp"):
            want.pattern = line.split(None, 1)[1]
        elif (len(lines) == 1 and re.fullmatch(_NUMBER, line, re.IGNORECASE)) or (
            re.fullmatch(_NUMBER, line, re.IGNORECASE) and not want.series
        ):
            want.scalar = _float(line)
        elif "{{" in line:
            raise Unknown(NATIVE)
        else:
            labels, rest = read_series(line)
            want.series.append((labels, read_values(rest)))
    return want


def _expect(want: Expected, what: str, rest: str) -> None:
    detail = _DETAIL.fullmatch(rest)
    if what == "ordered":
        want.ordered = True
    elif what == "fail":
        want.fails = True
        if detail and detail[1] == "msg":
            want.message = detail[2]
        elif detail:
            want.pattern = detail[2]
    elif what == "string":
        want.string = _unquote(rest) if rest[:1] in "\"'`" else rest
    elif what == "range" and _RANGE_VECTOR.fullmatch(rest):
        grid = _RANGE_VECTOR.fullmatch(rest)
        assert grid is not None
        want.grid = (_time(grid[1]), _time(grid[3]))
    elif what not in _ANNOTATIONS:
        raise Unknown(f"expectation {what}")


# --- comparison --------------------------------------------------------------------


def close(expected: float, actual: float) -> bool:
    """Equal, both NaN, or apart by less than a millionth."""
    if expected == actual or (math.isnan(expected) and math.isnan(actual)):
        return True
    if not (math.isfinite(expected) and math.isfinite(actual)):
        return False
    total, distance = abs(expected) + abs(actual), abs(expected - actual)
    if expected == 0 or actual == 0 or total < sys.float_info.min:
        return distance < _TOLERANCE * sys.float_info.min
    return distance / min(total, sys.float_info.max) < _TOLERANCE


def _rows(result: Result, want: Expected) -> dict[Labels, dict[int, float]]:
    """The result as position on the time grid -> value, by label set."""
    if isinstance(result, Vector):
        found = {}
        for labels, values, there in zip(result.labels, result.values, result.present, strict=True):
            places = np.flatnonzero(there).tolist()
            found[labels] = {place: float(values[place]) for place in places}
        return found
    assert isinstance(result, Matrix)
    selection, (first, step) = result.selection, want.grid or (0, 1)
    return {
        labels: {
            (int(time) - first) / step: float(value)
            for time, value in zip(
                selection.times[low:high], selection.values[low:high], strict=True
            )
        }
        for labels, low, high in zip(
            selection.labels, selection.offsets[:-1], selection.offsets[1:], strict=True
        )
    }


def _difference(result: Result, want: Expected, steps: int) -> str:
    """What is wrong with the result; empty where nothing is."""
    if isinstance(result, String):
        return "" if result.value == want.string else f"got string {result.value!r}"
    if isinstance(result, Scalar) and want.string is None:
        wanted = [want.scalar] * steps if want.scalar is not None else []
        if not wanted and len(want.series) == 1:
            wanted = want.series[0][1]
        got = result.values.tolist()
        same = len(wanted) == len(got) and all(
            a is not None and close(a, b) for a, b in zip(wanted, got, strict=True)
        )
        return "" if same else f"expected {wanted}, got {got}"
    if want.scalar is not None or want.string is not None or isinstance(result, Scalar):
        return f"got a {type(result).__name__.lower()}"
    rows = _rows(result, want)
    expected = {
        labels: {place: value for place, value in enumerate(values) if value is not None}
        for labels, values in want.series
    }
    expected = {labels: values for labels, values in expected.items() if values}
    if want.ordered and list(expected) != list(rows):
        return f"expected the order {[*map(str, expected)]}, got {[*map(str, rows)]}"
    for labels in expected.keys() - rows.keys():
        return f"missing {labels}"
    for labels in rows.keys() - expected.keys():
        return f"unexpected {labels} {list(rows[labels].values())}"
    for labels, values in expected.items():
        got_values = rows[labels]
        if values.keys() != got_values.keys() or not all(
            close(value, got_values[place]) for place, value in values.items()
        ):
            return f"{labels}: expected {values}, got {got_values}"
    return ""


# --- running -----------------------------------------------------------------------


def run_file(path: Path) -> list[Case]:
    """Every case of a file, in order."""
    try:
        text = path.read_text(encoding="utf-8", errors="surrogateescape")
    except OSError as error:
        return [Case(path, 0, "", "failed", str(error))]
    lines = ["" if line.lstrip().startswith("#") else line.strip() for line in text.splitlines()]
    store, cases, place = Store(), [], 0
    while place < len(lines):
        number, command = place + 1, lines[place]
        place += 1
        if not command:
            continue
        below: list[str] = []
        if command.split()[0] != "clear":
            while place < len(lines) and lines[place]:
                # The next command may follow without an empty line.
                if re.match(r"(?:load|eval)(?:_\w+)?\s|clear$", lines[place]):
                    break
                below.append(lines[place])
                place += 1
        try:
            case = _run(path, number, command, below, store)
        except Unknown as unknown:
            case = Case(path, number, command, "refused", str(unknown))
        except Exception as error:
            case = Case(path, number, command, "failed", f"{type(error).__name__}: {error}")
        if command == "clear":
            store = Store()
        elif case is not None:
            cases.append(case)
    return cases


def _run(path: Path, number: int, command: str, below: list[str], store: Store) -> Case | None:
    if command == "clear":
        return None
    load = _LOAD.fullmatch(command)
    if load:
        _load(store, _time(load[2]), below, custom_buckets=bool(load[1]))
        if load[3]:
            raise Unknown(f"load option {load[3]}")
        return None
    instant, ranged = _INSTANT.fullmatch(command), _RANGE.fullmatch(command)
    if ranged:
        times = (_time(ranged[2]), _time(ranged[3]), _time(ranged[4]))
        state, reason = _case(store, ranged[5], times, ranged[1], below)
        return Case(path, number, ranged[5], state, reason)
    if instant:
        times = (_time(instant[2]), None, None)
        state, reason = _case(store, instant[3], times, instant[1], below)
        return Case(path, number, instant[3], state, reason)
    raise Unknown(f"command {command.split(maxsplit=1)[0]}")


def _load(store: Store, step: int, lines: list[str], *, custom_buckets: bool) -> None:
    loaded: dict[Labels, dict[int, float]] = {}
    for line in lines:
        labels, rest = read_series(line)
        try:
            values = read_values(rest)
        except Unknown as unknown:
            store.strange[labels] = str(unknown)
            continue
        # A series written twice in one load counts once: the last line wins.
        loaded[labels] = {
            index * step: value for index, value in enumerate(values) if value is not None
        }
        if custom_buckets and labels.name.endswith("_bucket"):
            base = labels.merged({METRIC_NAME: labels.name.removesuffix("_bucket"), "le": ""})
            store.strange[base] = NATIVE
    for labels, samples in loaded.items():
        store.add(labels, samples)


def _case(
    store: Store,
    text: str,
    times: tuple[int, int | None, int | None],
    mode: str | None,
    below: list[str],
) -> tuple[str, str]:
    start, end, step = times
    try:
        want = _expectations(below, mode)
    except Unknown as unknown:
        return "refused", str(unknown)
    try:
        query = parse(text)
        for selector in query.selectors:
            for labels, construct in store.strange.items():
                if _matches(labels, selector.matchers):
                    return "refused", construct
        result = evaluate(query, store, start, end, step, options=_OPTIONS)
    except UnsupportedError as error:
        return "refused", error.what
    except (ParseError, QueryError) as error:
        return _failure(want, error.what)
    if want.fails:
        return "failed", "expected an error, got a result"
    steps = 1 if end is None or step is None else (end - start) // step + 1
    difference = _difference(result, want, steps)
    return ("failed", difference) if difference else ("passed", "")


def _failure(want: Expected, message: str) -> tuple[str, str]:
    if not want.fails:
        return "failed", f"unexpected error: {message}"
    if want.message is not None and want.message != message:
        return "failed", f"expected the error {want.message!r}, got {message!r}"
    if want.pattern is not None and not re.search(want.pattern, message):
        return "failed", f"expected an error like {want.pattern!r}, got {message!r}"
    return "passed", ""


def run_folder(folder: Path) -> dict[Path, list[Case]]:
    """Every `.test` file below the folder."""
    return {path: run_file(path) for path in sorted(folder.rglob("*.test"))}


def count(cases: list[Case]) -> dict[str, int]:
    states = [case.state for case in cases]
    return {state: states.count(state) for state in ("passed", "failed", "refused")}


def main(arguments: list[str]) -> int:
    if len(arguments) != 1 or not Path(arguments[0]).is_dir():
        print("usage: python -m tests.conformance.promql DIR", file=sys.stderr)
        return 2
    folder = Path(arguments[0])
    results = run_folder(folder)
    for path, cases in results.items():
        tally = count(cases)
        print(f"{path.relative_to(folder)}: " + ", ".join(f"{n} {s}" for s, n in tally.items()))
        for case in cases:
            if case.state != "passed":
                print(f"  line {case.line}: {case.state}: {case.query}: {case.reason}")
    total = count([case for cases in results.values() for case in cases])
    print(", ".join(f"{number} {state}" for state, number in total.items()))
    return 1 if total["failed"] else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
