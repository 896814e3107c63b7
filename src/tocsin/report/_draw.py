"""The parts of the page that are drawn: calendar, gaps, latencies of drills."""

from __future__ import annotations

import html
import re
from typing import TYPE_CHECKING

from tocsin.control import utc
from tocsin.durations import DAY, SECOND
from tocsin.printable import printable
from tocsin.report._day import micros

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tocsin.report._events import DrillRun, Gap
    from tocsin.report._period import Cell, Period

__all__ = [
    "case_id",
    "day_text",
    "draw_calendar",
    "draw_drills",
    "draw_gaps",
    "esc",
    "midnight",
    "moment",
    "prose",
]

_WIDTH, _STRIP, _PLOT = 800, 16, 120
_LONGEST = 400
_MOMENT = re.compile(r"(?<![\w.:-])\d{1,4}(?:[:-]\d{1,4}){1,3}(?![\w:-])")


def esc(text: str) -> str:
    """Safe in a page, whoever wrote it."""
    return html.escape(printable(text, _LONGEST))


def prose(text: str) -> str:
    """As `esc`; no line ends within a time, a date, or two of them."""
    return _MOMENT.sub(r'<span class="time">\g<0></span>', esc(text))


def day_text(day: str) -> str:
    """`2026-11-21`."""
    return f"{day[:4]}-{day[4:6]}-{day[6:]}"


def midnight(day: str) -> int:
    """When the day begins, microseconds since 1970 UTC."""
    return micros(f"{day_text(day)}T00:00:00Z") or 0


def moment(time: int) -> str:
    """`2026-11-21 14:01:30`, of UTC; to the second, as people say it."""
    return utc(time // SECOND * SECOND).replace("T", " ").removesuffix("Z")


def case_id(cell: Cell) -> str:
    return f"c-{cell.day}-{cell.control}"


def draw_calendar(period: Period) -> Iterator[str]:
    """A table a month: a row of days for each control. A day without a state can't be drawn."""
    months = sorted({day[:6] for day in period.days})
    for month in months:
        days = {int(day[6:]): day for day in period.days if day[:6] == month}
        yield f'<table class="cal"><caption>{month[:4]}-{month[4:]}</caption><thead><tr>'
        yield "".join(f'<th class="day" scope="col">{n}</th>' for n in range(1, 32))
        yield "</tr></thead><tbody>"
        for control in period.controls:
            yield f'<tr><th class="of" colspan="31" scope="rowgroup">{esc(control.title)}</th></tr>'
            yield "<tr>"
            for number in range(1, 32):
                day = days.get(number)
                yield f"<td>{_cell(period.cells[control.id, day]) if day else ''}</td>"
            yield "</tr>"
        yield "</tbody></table>\n"


def _cell(cell: Cell) -> str:
    title = f"{day_text(cell.day)} {cell.control}: {cell.state}"
    drawn = (
        f'<svg role="img" aria-label="{esc(title)}"><title>{esc(title)}</title>'
        f'<use href="#{cell.state}"/></svg>'
    )
    return drawn if cell.state == "operated" else f'<a href="#{esc(case_id(cell))}">{drawn}</a>'


def draw_gaps(period: Period) -> Iterator[str]:
    """One strip for each thing that had a gap, over the whole period."""
    start = midnight(period.days[0])
    span = len(period.days) * DAY
    strips: dict[str, list[Gap]] = {}
    for gap in period.gaps:
        strips.setdefault(f"{gap.what} {gap.subject}".strip(), []).append(gap)
    for name in sorted(strips)[:40]:
        # The name is no part of the drawing, which is narrow on a phone.
        yield f'<p class="strip">{esc(name)}</p>\n'
        yield f'<svg class="plot" viewBox="0 0 {_WIDTH} {_STRIP}" role="img" '
        yield f'aria-label="When there were gaps of {esc(name)}">'
        yield f'<rect class="band" x="0" y="0" width="{_WIDTH}" height="{_STRIP}"/>'
        for gap in strips[name][:2000]:
            begin = min(max((gap.start - start) / span, 0), 1) * _WIDTH
            end = min(max(((gap.end or start + span) - start) / span, 0), 1) * _WIDTH
            yield f'<rect class="gap" x="{begin:.1f}" y="0" '
            yield f'width="{max(end - begin, 2):.1f}" height="{_STRIP}"/>'
        yield "</svg>\n"


def draw_drills(period: Period, drills: Sequence[DrillRun]) -> Iterator[str]:
    """Seconds until the alert (ring) and until the receiver had it (dot); a cross is a failure."""
    seconds = [t / 1e6 for d in drills for t in (d.firing, d.notified) if t is not None]
    most = max([*seconds, 1.0])
    top = most * 1.1
    lines = (0.0, most / 2, most)
    start, span = midnight(period.days[0]), len(period.days) * DAY

    def y(value: float) -> str:
        return f"{10 + (1 - value / top) * (_PLOT - 20):.1f}"

    at = ", ".join(f"{value:.3g}" for value in lines)
    yield f'<p class="strip">Lines at {at} seconds, from below; a cross is a failure.</p>\n'
    yield f'<svg class="plot" viewBox="0 0 {_WIDTH} {_PLOT}" role="img" '
    yield 'aria-label="Latency of drills by day, in seconds">'
    for value in lines:
        yield f'<line class="axis" x1="0" x2="{_WIDTH}" y1="{y(value)}" y2="{y(value)}"/>'
    for drill in drills[:4000]:
        share = min(max((drill.started - start) / span, 0), 1)
        x = 6 + share * (_WIDTH - 12)
        if not drill.passed:
            yield f'<path class="miss" d="M{x - 5:.1f} 10l10 10m0 -10l-10 10"/>'
        if drill.firing is not None:
            yield f'<circle class="ring" cx="{x:.1f}" cy="{y(drill.firing / 1e6)}" r="4.5"/>'
        if drill.notified is not None:
            yield f'<circle class="dot" cx="{x:.1f}" cy="{y(drill.notified / 1e6)}" r="2.5"/>'
    yield "</svg>\n"
