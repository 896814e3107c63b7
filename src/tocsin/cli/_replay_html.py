"""`tocsin replay --html`: one file with everything in it, and no script.

The same input makes the same bytes. Names of clients and reasons come from strangers: all text
is escaped, and the page's own policy lets a browser run and fetch nothing.
"""

from __future__ import annotations

import base64
import hashlib
from collections import defaultdict
from datetime import UTC, datetime, timedelta
from itertools import groupby
from typing import TYPE_CHECKING

from tocsin.alarms import MetricAlarm
from tocsin.cli._replay_behind import looked_at
from tocsin.cli._replay_html_rules import rules_section
from tocsin.cli._replay_style import STYLE
from tocsin.cli._replay_text import escaped, offender_facts, time_element

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from tocsin.alarms import CompositeAlarm
    from tocsin.replay import Behind, Curve, Replayed

__all__ = ["replay_page"]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_ROWS = 100
"""State changes of an alarm that are listed."""
_COLUMNS = 480
_TOP, _PLOT, _BAND = 18, 140, 14
_KINDS = {"OK": "ok", "INSUFFICIENT_DATA": "none", "ALARM": "alarm"}
"""States and the class of their marks, the most important last."""
_SIGNS = {
    "GreaterThanThreshold": "&gt;",
    "GreaterThanOrEqualToThreshold": "≥",
    "LessThanThreshold": "&lt;",
    "LessThanOrEqualToThreshold": "≤",
}
_PATTERN = (
    '<svg class="defs" aria-hidden="true"><defs><pattern id="hatch" width="6" height="6" '
    'patternUnits="userSpaceOnUse" patternTransform="rotate(45)"><rect class="hatch" width="2" '
    'height="6"/></pattern></defs></svg>'
)
_LEGEND = (
    '<p class="legend">'
    '<span><svg width="28" height="14" aria-hidden="true"><rect class="alarm" width="28" '
    'height="14"/></svg> ALARM: a full bar</span> '
    '<span><svg width="28" height="14" aria-hidden="true"><rect class="ok" y="11" width="28" '
    'height="3"/></svg> OK: a line</span> '
    '<span><svg width="28" height="14" aria-hidden="true"><rect class="none" width="28" '
    'height="14"/></svg> INSUFFICIENT_DATA: hatched</span></p>'
)


def replay_page(
    done: Replayed,
    alarms: Sequence[MetricAlarm | CompositeAlarm],
    files: Sequence[str],
    accounting: str,
) -> bytes:
    """The page. `accounting` is the line that says what became of each line read."""
    changes: defaultdict[str, list[Behind]] = defaultdict(list)
    for behind in done.transitions:
        changes[behind.transition.alarm].append(behind)
    digest = base64.b64encode(hashlib.sha256(STYLE.encode()).digest()).decode()
    policy = f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
    parts = [
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">',
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        '<meta name="color-scheme" content="light dark">',
        f"<title>Replay</title>\n<style>{STYLE}</style>\n</head>\n<body>\n{_PATTERN}\n<main>",
        *_head(done, files, accounting),
        *_overview(done, alarms, changes),
    ]
    for number, alarm in enumerate(alarms):
        parts += _alarm(number, alarm, done, changes[alarm.alarm_name])
    if done.correlated is not None:
        parts += rules_section(done.correlated)
    parts.append("</main>\n</body>\n</html>\n")
    return "\n".join(parts).encode()


def _head(done: Replayed, files: Sequence[str], accounting: str) -> Iterator[str]:
    yield "<h1>Replay</h1>"
    if done.begin is None or done.end is None:
        yield "<p>No event of these logs has a time.</p>"
    else:
        begin, end = time_element(done.begin), time_element(done.end)
        yield f"<p>{begin} to {end}, by the time in the lines.</p>"
    yield f'<p class="account">{escaped(accounting, 2000)}</p>'
    named = ", ".join(escaped(each) for each in files[:20])
    more = f" and {len(files) - 20} more" if len(files) > 20 else ""
    yield f"<p>Read: {named}{more}</p>"
    if done.warnings:
        yield '<ul class="warnings">'
        for each in done.warnings[:_ROWS]:
            yield f"<li>{escaped(str(each), 500)}</li>"
        if len(done.warnings) > _ROWS:
            yield f"<li>and {len(done.warnings) - _ROWS} more</li>"
        yield "</ul>"


def _overview(
    done: Replayed, alarms: Sequence[MetricAlarm | CompositeAlarm], changes: dict[str, list[Behind]]
) -> Iterator[str]:
    if done.correlated is not None:
        count = done.correlated.by_rule.total()
        alerts = f"{count:,} alert{'' if count == 1 else 's'} of Sigma rules"
        yield f'<p><a href="#rules">{alerts}</a></p>'
    if not alarms:
        if done.correlated is None:
            yield "<p>No alarms were given.</p>"
        return
    yield '<table class="overview"><thead><tr><th scope="col">alarm</th>'
    yield '<th scope="col">times in ALARM</th><th scope="col">how long</th></tr></thead><tbody>'
    for number, alarm in enumerate(alarms):
        own = changes[alarm.alarm_name]
        fired = sum(_fires(each) for each in own)
        spans = _spans(own, done.begin or 0, _until(done))
        held = sum(end - begin for begin, end, state in spans if state == "ALARM")
        yield (
            f'<tr><th scope="row"><a href="#alarm-{number}">{escaped(alarm.alarm_name)}</a></th>'
            f"<td>{fired}</td><td>{_held(held, spans)}</td></tr>"
        )
    yield f"</tbody></table>\n{_LEGEND}"


def _held(held: int, spans: list[tuple[int, int, str]]) -> str:
    """How long an alarm was in ALARM; of one that still is, it is not known."""
    if not spans or spans[-1][2] != "ALARM":
        return str(timedelta(microseconds=held))
    return f"{timedelta(microseconds=held)} and on" if held else "from the end on"


def _fires(behind: Behind) -> bool:
    return behind.transition.after == "ALARM" and not behind.transition.delayed


def _alarm(
    number: int, alarm: MetricAlarm | CompositeAlarm, done: Replayed, own: list[Behind]
) -> Iterator[str]:
    yield f'<section id="alarm-{number}">\n<h2>{escaped(alarm.alarm_name)}</h2>'
    if alarm.alarm_description:
        yield f"<p>{escaped(alarm.alarm_description, 1000)}</p>"
    if done.begin is not None:
        found = done.curves.get(alarm.alarm_name)
        begin, until = done.begin, _until(done)
        spans = _spans(own, begin, until)
        if isinstance(alarm, MetricAlarm) and found is not None:
            yield _figure(alarm, found, spans)
        else:
            yield f"<p>{escaped(getattr(alarm, 'alarm_rule', ''), 1000)}</p>"
            label = f"States of {escaped(alarm.alarm_name)}"
            yield _svg(label, 40, _band(spans, begin, until, 2) + _axis(begin, until, 34))
    yield from _table(own, done.end)
    yield "</section>"


def _until(done: Replayed) -> int:
    """Where charts end: with the last event or the last state change."""
    return max([done.end or 0, *(each.transition.time for each in done.transitions[-1:])])


def _spans(own: Sequence[Behind], begin: int, until: int) -> list[tuple[int, int, str]]:
    """Which state from when to when."""
    changes = [each.transition for each in own if not each.transition.delayed]
    times = [begin, *(each.time for each in changes), until]
    states = ["INSUFFICIENT_DATA", *(each.after for each in changes)]
    return list(zip(times, times[1:], states, strict=False))


def _figure(alarm: MetricAlarm, found: Curve, spans: list[tuple[int, int, str]]) -> str:
    threshold = alarm.threshold or 0.0
    values = [each for each in (*found.low, *found.high) if each is not None]
    floor = min([0.0, threshold, *values])
    ceiling = max([0.0, threshold, *values])
    # Halved, so that no difference of two numbers is beyond all numbers.
    span = (ceiling / 2 - floor / 2) or 0.5

    def level(value: float) -> float:
        return _TOP + _PLOT * (1 - (value / 2 - floor / 2) / span)

    height = level(threshold)
    sign = _SIGNS.get(alarm.comparison_operator, "")
    most = f"largest {max(values):g}" if values else "no values"
    statistic = escaped(alarm.statistic or alarm.extended_statistic or "value")
    metric = escaped(alarm.metric_name or "an expression")
    drawing = (
        f'<svg y="{_TOP}" height="{_PLOT}" width="100%" '
        f'viewBox="0 {_TOP} {len(found.high)} {_PLOT}" preserveAspectRatio="none">'
        f'<path class="range" d="{_bars(found.low, found.high, level)}"/>'
        f'<path class="bars" d="{_bars(None, found.low, level)}"/></svg>'
    )
    title = f"{metric}, {statistic} over {alarm.seconds} s, {most}"
    body = [
        drawing,
        f'<line class="threshold" x1="0" x2="100%" y1="{height:.1f}" y2="{height:.1f}"/>',
        f'<line class="axis" x1="0" x2="100%" y1="{level(0):.1f}" y2="{level(0):.1f}"/>',
        f'<text x="100%" text-anchor="end" y="{_beside(height)}">{sign} {threshold:g}</text>',
        f'<text x="0" y="{_TOP - 5}">{title}</text>',
        _band(spans, found.begin, found.end, _TOP + _PLOT + 8),
        _axis(found.begin, found.end, _TOP + _PLOT + 42),
    ]
    fired = sum(state == "ALARM" for _, _, state in spans)
    label = f"{metric}: {most}, threshold {threshold:g}, {fired} times in ALARM"
    return _svg(label, _TOP + _PLOT + 48, "\n".join(body))


def _beside(height: float) -> str:
    """The place of the threshold's number: above its line, or below where no room is."""
    return f"{height - 4:.1f}" if height > _TOP + 16 else f"{height + 13:.1f}"


def _bars(
    low: Sequence[float | None] | None,
    high: Sequence[float | None],
    level: Callable[[float], float],
) -> str:
    """A path of one bar a column, equal neighbours in one; from zero where `low` is None."""
    drawn = []
    for at, top in enumerate(high):
        base = 0.0 if low is None else low[at]
        drawn.append(None if top is None or base is None else (level(base), level(top)))
    path, at = [], 0
    for bar, run in groupby(drawn):
        width = len(list(run))
        if bar is not None and bar[0] != bar[1]:
            path.append(f"M{at} {bar[0]:.1f}V{bar[1]:.1f}H{at + width}V{bar[0]:.1f}Z")
        at += width
    return "".join(path)


def _band(spans: Sequence[tuple[int, int, str]], begin: int, until: int, y: int) -> str:
    """The states; of several in one column the most important shows."""
    size, order = max(1, until - begin), list(_KINDS)
    columns = [0] * _COLUMNS
    for start, end, state in spans:
        first = (start - begin) * _COLUMNS // size
        last = max(first + 1, -(-(end - begin) * _COLUMNS // size))
        rank = order.index(state)
        for at in range(min(first, _COLUMNS - 1), min(last, _COLUMNS)):
            columns[at] = max(columns[at], rank)
    found, at = [], 0
    for rank, run in groupby(columns):
        width = len(list(run))
        top, high = (y + _BAND - 3, 3) if order[rank] == "OK" else (y, _BAND)
        found.append(
            f'<rect class="{_KINDS[order[rank]]}" x="{at * 100 / _COLUMNS:.4g}%" y="{top}" '
            f'width="{width * 100 / _COLUMNS:.4g}%" height="{high}"/>'
        )
        at += width
    return "".join(found)


def _axis(begin: int, until: int, y: int) -> str:
    middle = (begin + until) // 2
    marks = ((begin, "0", "start"), (middle, "50%", "middle"), (until, "100%", "end"))
    return "".join(
        f'<text x="{x}" y="{y}" text-anchor="{anchor}">{_short(time)}</text>'
        for time, x, anchor in marks
    )


def _svg(label: str, height: int, body: str) -> str:
    return (
        f'<figure><svg class="chart" role="img" aria-label="{label}" width="100%" '
        f'height="{height}">\n{body}\n</svg></figure>'
    )


def _table(own: Sequence[Behind], last: int | None) -> Iterator[str]:
    if not own:
        yield "<p>Its state never changed.</p>"
        return
    yield '<table class="changes"><thead><tr><th scope="col">when</th><th scope="col">state</th>'
    yield '<th scope="col">why</th><th scope="col">who</th></tr></thead><tbody>'
    for behind in own[:_ROWS]:
        change = behind.transition
        kept = (
            f"<br>actions kept back: {escaped(change.suppressed_by)}"
            if change.suppressed_by
            else ""
        )
        if last is not None and change.time > last and not change.datapoints:
            kept = f"<br>the log ends at {time_element(last)}: a daemon would have read on{kept}"
        mark = f' class="to-{_KINDS.get(change.after, "none")}"'
        yield (
            f"<tr{mark}><td>{time_element(change.time)}</td>"
            f"<td>{escaped(change.before)} → <strong>{escaped(change.after)}</strong></td>"
            f"<td>{escaped(change.reason, 1000)}{kept}</td><td>{_who(behind)}</td></tr>"
        )
    yield "</tbody></table>"
    if len(own) > _ROWS:
        yield f"<p>The first {_ROWS} of {len(own)} changes; --format json has all.</p>"


def _who(behind: Behind) -> str:
    if behind.transition.after != "ALARM" or not behind.events:
        return ""
    events = f"{behind.events} matching event{'' if behind.events == 1 else 's'}"
    clients = f"{behind.distinct} client{'' if behind.distinct == 1 else 's'}"
    rows = [(each.events, offender_facts(each)) for each in behind.offenders]
    rows = rows or [(count, escaped(client, 60)) for client, count in behind.sources]
    rows += [
        (count, what)
        for count, what in (
            (behind.unknown, "<em>of no known client</em>"),
            (behind.overflowed, "<em>of clients that were not kept</em>"),
        )
        if count
    ]
    listed = "".join(f"<li><strong>{count}</strong> {client}</li>" for count, client in rows)
    told = looked_at(behind)
    return f"{events} of {clients}<ul>{listed}</ul>{told and f'<small>{told}</small>'}"


def _short(micros: int) -> str:
    return (_EPOCH + timedelta(microseconds=micros)).strftime("%Y-%m-%d %H:%M")
