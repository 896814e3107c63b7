"""The report as one HTML file: no script, nothing fetched, the same bytes for the same days."""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tocsin.report._disposition import OUTCOMES
from tocsin.report._draw import (
    case_id,
    day_text,
    draw_calendar,
    draw_drills,
    draw_gaps,
    esc,
    moment,
    prose,
)
from tocsin.report._page_ledger import (
    SHOWN,
    lasted,
    more,
    show_alerts,
    show_blocks,
    show_changes,
    show_told,
)
from tocsin.report._period import STATES
from tocsin.report._style import STYLE, SYMBOLS
from tocsin.seal import spans

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tocsin.report._disposition import Disposition
    from tocsin.report._events import DrillRun
    from tocsin.report._period import Cell, ControlSeen, Period

__all__ = ["Checked", "report_page"]

_MEANINGS = {
    "operated": "every input was there for the whole day, and none spoke against it",
    "exception": "a threshold was crossed, an alert fired, or a drill failed: somebody has to look",
    "no-data": "something that must be there was missing",
    "not-run": "the check was not made, or not in full",
    "late": "the record was made after its day had been sealed",
}
_REASONS = 12


@dataclass(frozen=True, slots=True)
class Checked:
    """What verifying said when the report was made."""

    words: str
    """One sentence."""
    holds: bool | None
    """None where it was not verified."""
    faults: tuple[str, ...] = ()


def report_page(period: Period, checked: Checked) -> bytes:
    digest = base64.b64encode(hashlib.sha256(STYLE.encode()).digest()).decode()
    policy = f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
    title = f"Evidence {day_text(period.first)} to {day_text(period.last)}"
    parts = [
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">',
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        '<meta name="color-scheme" content="light dark">',
        f"<title>{title}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n{SYMBOLS}\n<main>\n",
        *_head(period, checked),
        *_calendar(period),
        *_cases(period),
        *_gaps(period),
        *_drills(period),
        *show_changes(period),
        *show_alerts(period),
        *show_told(period),
        *show_blocks(period),
        *_controls(period),
        *_anchors(period),
        *_yourself(period),
        "</main>\n</body>\n</html>\n",
    ]
    return "".join(parts).encode()


def _head(period: Period, checked: Checked) -> Iterator[str]:
    origins = sorted({h.checkpoint.origin for h in period.heads if h.checkpoint is not None})
    yield f"<h1>Evidence, {day_text(period.first)} to {day_text(period.last)}</h1>\n"
    days = len(period.days)
    yield f'<p class="soft">{esc(", ".join(origins) or "no sealed day")} · days of UTC</p>\n'
    yield f'<p class="lead">{len(period.controls)} controls on {days} days are '
    yield f"{len(period.cells):,} control-days: "
    counts = dict.fromkeys(STATES, 0)
    for cell in period.cells.values():
        counts[cell.state] += 1
    told = (f'<span class="time">{counts[state]:,} {state}</span>' for state in STATES)
    yield f"{', '.join(told)}. "
    answered = [cell for cell in period.cells.values() if cell.state == "exception"]
    open_ = sum(not cell.dispositions for cell in answered)
    left = f"Of {len(answered):,} exceptions, {open_:,} have no disposition." if answered else ""
    yield f"{left}</p>\n"
    kind = {True: "good", False: "bad", None: ""}[checked.holds]
    yield f'<p class="told {kind}">{prose(checked.words)}</p>\n'
    if checked.faults:
        yield _bullets(checked.faults[:SHOWN])
    if period.notes:
        yield _bullets(period.notes[:SHOWN])


def _calendar(period: Period) -> Iterator[str]:
    yield "<h2>Control by day</h2>\n"
    yield '<ul class="legend">'
    for state in STATES:
        yield f"<li>{_symbol(state)}<span><b>{state}</b>: {_MEANINGS[state]}</span></li>"
    yield "</ul>\n"
    if not period.controls:
        yield "<p>No record of any control is in these days.</p>\n"
        return
    yield from draw_calendar(period)
    yield '<table class="wide"><caption>Days by state</caption><thead><tr><th>Control</th>'
    yield "".join(f'<th class="num">{state}</th>' for state in STATES) + "</tr></thead><tbody>"
    for control in period.controls:
        count = period.count(control.id)
        yield f"<tr><th>{esc(control.title)}</th>"
        yield "".join(f'<td class="num" data-of="{s}">{count[s]:,}</td>' for s in STATES)
        yield "</tr>"
    yield "</tbody></table>\n"


def _symbol(state: str) -> str:
    return f'<svg class="state" aria-hidden="true"><use href="#{state}"/></svg>'


def _cases(period: Period) -> Iterator[str]:
    """Exceptions first, then every other day that is not operated. All of them, also answered."""
    cells = [period.cells[c.id, day] for day in period.days for c in period.controls]
    exceptions = [cell for cell in cells if cell.state == "exception"]
    others = [cell for cell in cells if cell.state not in {"exception", "operated"}]
    yield "<h2>Exceptions and what became of them</h2>\n"
    if not exceptions:
        yield "<p>No exception is in the records of these days.</p>\n"
    for cell in exceptions:
        yield from _case(period, cell)
    yield "<h2>Days without full evidence</h2>\n"
    if not others:
        yield "<p>Every control has a record of every whole day.</p>\n"
    removed = {head.day: head.removed for head in period.heads if head.removed}
    gone = [cell for cell in others if cell.day in removed and not cell.dispositions]
    for told in dict.fromkeys(removed.values()):
        yield from _removed(told, [cell for cell in gone if removed[cell.day] == told])
    merged = {case_id(cell) for cell in gone}
    for cell in others:
        if case_id(cell) not in merged:
            yield from _case(period, cell)


def _removed(told: str, cells: Sequence[Cell]) -> Iterator[str]:
    """One case for all days that went for the same reason: there may be years of them."""
    if not cells:
        return
    days = {cell.day for cell in cells}
    count = "1 day" if len(days) == 1 else f"{len(days):,} days"
    yield f'<section class="case"><h3>{_symbol(cells[0].state)} {count} · {cells[0].state}</h3>\n'
    yield "".join(f'<span id="{esc(case_id(cell))}"></span>' for cell in cells)
    yield f"{_bullets([f'{spans(days)}: {told}'])}</section>\n"


def _case(period: Period, cell: Cell) -> Iterator[str]:
    control = next(each for each in period.controls if each.id == cell.control)
    yield f'<section class="case" id="{esc(case_id(cell))}"><h3>{_symbol(cell.state)} '
    yield f'<span class="time">{day_text(cell.day)}</span> · {esc(control.title)} · '
    yield f'<span class="time">{cell.state}</span></h3>\n'
    yield f'<p class="soft">Owner: {esc(control.owner or "not named")}</p>\n'
    yield _bullets(cell.reasons[:_REASONS])
    if len(cell.reasons) > _REASONS:
        yield f"<p>and {len(cell.reasons) - _REASONS} more, in the record</p>\n"
    for each in cell.dispositions:
        ticket = f" Ticket {esc(each.ticket)}." if each.ticket else ""
        yield f"<p><b>Disposition: {esc(each.outcome)}</b> ({OUTCOMES[each.outcome]}), by "
        yield f"{esc(each.by)}, {esc(each.written)}. {esc(each.text)}{ticket}"
        yield f"{_agreed(period, each)}</p>\n"
    if cell.state == "exception" and not cell.dispositions:
        yield "<p><b>No disposition</b> is in the evidence.</p>\n"
    files = ", ".join(
        f"{run.folder}/{run.file} ({run.state}, by {run.collector})" for run in cell.runs
    )
    if files:
        yield f'<p class="soft">Records: {esc(files)}</p>\n'
    yield "</section>\n"


def _agreed(period: Period, each: Disposition) -> str:
    """Who approved, and until when it was accepted; what ran out needs a word again."""
    accepted = each.outcome == "accepted"
    told = f" Approved by {esc(each.approved)}." if each.approved else ""
    if accepted and not each.approved:
        told += " NOBODY IS NAMED WHO APPROVED IT."
    if accepted and not each.until:
        told += " It has no last day."
    if each.until:
        over = each.until < period.last
        told += f" Accepted until {esc(each.until)}{': THAT TIME IS OVER' if over else ''}."
    return told


def _gaps(period: Period) -> Iterator[str]:
    yield "<h2>Gaps</h2>\n"
    if not period.gaps:
        yield "<p>The ledger of these days tells of no gap.</p>\n"
        return
    yield "<p>What the daemon itself wrote down while it happened.</p>\n"
    yield from draw_gaps(period)
    yield '<table class="wide"><thead><tr><th>What</th><th>From (UTC)</th><th>To</th>'
    yield '<th class="num">Lasted</th><th>Why</th></tr></thead><tbody>'
    for gap in period.gaps[:SHOWN]:
        span = "-" if gap.end is None else lasted(gap.end - gap.start)
        end = "not closed in this period" if gap.end is None else moment(gap.end)
        yield f"<tr><th>{esc(f'{gap.what} {gap.subject}')}</th>"
        yield f'<td class="time">{moment(gap.start)}</td><td class="time" data-of="to">{end}</td>'
        yield f'<td class="num" data-of="lasted">{span}</td>'
        yield f"<td>{esc(gap.why)}</td></tr>"
    yield "</tbody></table>\n" + more(len(period.gaps))


def _drills(period: Period) -> Iterator[str]:
    yield "<h2>Drills</h2>\n"
    if not period.drills:
        yield "<p>No drill was run in these days, so nothing here shows that the alerts work.</p>\n"
        return
    yield "<p>A drill is a synthetic attack, marked as such, that must become an alert and reach a "
    yield "receiver. Times are counted from the begin of the attack: until the rule saw it, until "
    yield "the alert fired, until the receiver was told. With each drill, copies of the rules are "
    yield "weakened (the rule removed, its threshold out of reach, the attack left out), and the "
    yield "drill must notice.</p>\n"
    names = sorted({drill.name for drill in period.drills})
    yield '<table class="wide"><thead><tr><th>Drill</th><th>Alert</th>'
    heads = ("passed", "on days", "seen p95", "fired p95", "told p95", "noticed weak")
    yield "".join(f'<th class="num">{head}</th>' for head in heads) + "</tr></thead><tbody>"
    for name in names:
        drills = [drill for drill in period.drills if drill.name == name]
        values = (
            f"{sum(d.passed for d in drills)} of {len(drills)}",
            f"{len({d.day for d in drills})} of {len(period.days)}",
            _share(drills, "metric", 95), _share(drills, "firing", 95),
            _share(drills, "notified", 95),
            f"{sum(d.weakened[0] for d in drills):,} of {sum(d.weakened[1] for d in drills):,}",
        )  # fmt: skip
        yield f"<tr><th>{esc(name)}, of {esc(drills[0].control)}</th>"
        yield f"<td>{esc(drills[0].alert)}</td>"
        cells = zip(heads, values, strict=True)
        yield "".join(f'<td class="num" data-of="{h}">{value}</td>' for h, value in cells)
        yield "</tr>"
    yield "</tbody></table>\n"
    for name in names:
        yield f"<h3>{esc(name)}: seconds until the alert (ring) and the receiver (dot)</h3>\n"
        yield from draw_drills(period, [d for d in period.drills if d.name == name])
    failed = [drill for drill in period.drills if not drill.passed]
    if failed:
        yield "<h3>Drills that failed</h3>\n"
        yield _bullets([f"{moment(d.started)} {d.name}: {d.why}" for d in failed[:SHOWN]])


def _share(drills: Sequence[DrillRun], part: str, percent: int) -> str:
    """The nearest-rank percentile, in seconds."""
    values = sorted(v for drill in drills if (v := getattr(drill, part)) is not None)
    if not values:
        return "-"
    return f"{values[max(0, -(-len(values) * percent // 100) - 1)] / 1e6:.2f} s"


def _controls(period: Period) -> Iterator[str]:
    yield "<h2>Controls</h2>\n"
    for plan in period.plan:
        since = day_text(plan.since) if plan.since else "no day that is named"
        signed = f"signed on {day_text(plan.signed)}" if plan.signed else "NOT SIGNED"
        yield f'<p>Catalogue <span class="hash">{esc(plan.sha256[:16])}</span>, version '
        yield f"{esc(plan.version)}: in the evidence since {esc(since)}, {esc(signed)}.</p>\n"
    for control in period.controls:
        yield from _control(control)


def _control(control: ControlSeen) -> Iterator[str]:
    yield f'<section class="case about"><h3>{esc(control.title)}</h3>\n'
    yield f"<p>{esc(control.objective)}</p>\n"
    versions = ", ".join(str(version) for version in control.versions) or "none"
    facts = [("Id", control.id), ("Owner", control.owner or "not named"),
             ("Frequency", control.frequency or "not named"), ("Versions", versions),
             ("Asked of", "; ".join(control.sources) or "nobody")]  # fmt: skip
    facts += [(name, ", ".join(ids)) for name, ids in control.frameworks]
    yield f"<p>{'; '.join(f'{esc(name)}: {esc(value)}' for name, value in facts)}</p>\n"
    if control.queries:
        yield '<table class="wide"><thead><tr><th>Input</th><th>Asked</th></tr></thead><tbody>'
        for name, endpoint, query in control.queries:
            asked = f"{endpoint} {query}".strip()
            yield f"<tr><th>{esc(name)}</th><td><code>{esc(asked)}</code></td></tr>"
        yield "</tbody></table>\n"
    yield "</section>\n"


def _anchors(period: Period) -> Iterator[str]:
    yield "<h2>Anchors</h2>\n"
    heads = [head for head in period.heads if head.checkpoint is not None]
    if not heads:
        yield "<p>There is no checkpoint in these days.</p>\n"
        return
    for name, what in (("checkpoint.cosig", "a witness"), ("checkpoint.tsr", "a time stamp")):
        days = [head.day for head in heads if name in head.attached]
        text = f"{len(days)} of {len(period.days)} days"
        text += f", the last {day_text(days[-1])}" if days else ""
        yield f"<p>With {what}: {text}.</p>\n"
    keys: dict[str, list[str]] = {}
    for head in heads:
        if head.key:
            keys.setdefault(head.key, []).append(head.day)
    for key, days in keys.items():
        yield f'<p>Sealed with the key <span class="hash">{esc(key)}</span>: '
        yield f"{esc(spans(days))}.</p>\n"
    last = heads[-1]
    checkpoint = last.checkpoint
    if checkpoint is not None:
        yield f"<p>The chain at the end of {day_text(last.day)}; compare it with the lines that "
        yield "were sent to you then:</p>\n"
        lines = checkpoint.text.decode().strip().split("\n")
        yield f"<pre>{'<br>'.join(map(esc, lines))}</pre>\n"


def _yourself(period: Period) -> Iterator[str]:
    """What an auditor types; no program of ours is needed."""
    origins = [h.checkpoint.origin for h in period.heads if h.checkpoint is not None]
    day = period.sealed[-1] if period.sealed else period.last
    yield "<h2>How to check it yourself</h2>\n"
    yield "<p>This page is a summary; the evidence is the folder of days. Take the key from those "
    yield "who sealed, by another way than the evidence, as a file <code>allowed_signers</code> "
    yield "beside the folder. Then, with <code>sha256sum</code> and <code>ssh-keygen</code> "
    yield "alone:</p>\n"
    name = esc(origins[-1] if origins else "NAME")
    commands = (
        f"cd evidence/{day}\n"
        f"ssh-keygen -Y verify -f ../../allowed_signers -I {name} \\\n"
        "  -n tocsin-evidence -s SHA256SUMS.sig &lt; SHA256SUMS\n"
        "sha256sum -c --strict --quiet SHA256SUMS\n"
    )
    yield f"<pre>{commands}</pre>\n"
    yield "<p>All days at once, with your copy of the script and the lines you kept:</p>\n"
    yield "<pre>cd evidence; sh ../verify.sh ../allowed_signers ../anchor</pre>\n"
    yield "<p>Draw days yourself and have them with their proofs: "
    yield "<code>tocsin evidence sample --seed YOURS -n 25</code>. This page is the same, byte for "
    yield "byte, whenever it is made of the same days: <code>tocsin evidence report --from "
    yield f"{day_text(period.first)} --to {day_text(period.last)}</code>.</p>\n"


def _bullets(lines: Sequence[str]) -> str:
    return f"<ul>{''.join(f'<li>{prose(line)}</li>' for line in lines)}</ul>\n"
