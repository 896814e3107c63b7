"""The parts of the page that the ledgers tell: changes, alerts, messages, silences, blocks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tocsin.durations import format_duration
from tocsin.report._draw import day_text, esc, moment

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tocsin.report._events import RuleChange
    from tocsin.report._period import Period

__all__ = ["SHOWN", "lasted", "more", "show_alerts", "show_blocks", "show_changes", "show_told"]

SHOWN = 200
"""Rows of a list; the rest is counted and stays in the evidence."""


def show_changes(period: Period) -> Iterator[str]:
    """Each file that became another, where it came from, and who agreed."""
    yield "<h2>Changes of rules</h2>\n"
    if not period.changes:
        yield "<p>No rule file and no configuration changed, as far as the ledger tells.</p>\n"
        return
    unapproved = sum(each.watched and not _approved(each) for each in period.changes)
    watched = any(each.watched for each in period.changes)
    yield f"<p>Changes: {len(period.changes):,}. "
    if watched:
        yield f"Nobody is named who approved {unapproved:,} of them. "
    else:
        yield "No control here makes an exception of a change (input rules-unchanged), so nobody "
        yield "was asked to approve them. "
    yield "Who approved stands in the disposition of the day's exception; commit and author are "
    yield "what git, or the configuration, told when the change came into force.</p>\n"
    yield '<table class="wide"><thead><tr><th>From (UTC)</th><th>File</th>'
    yield "<th>Before, after</th><th>Commit</th><th>Author</th><th>Approved by</th>"
    yield "<th>Ticket</th></tr></thead><tbody>"
    for change in period.changes[:SHOWN]:
        yield f'<tr><td class="time">{moment(change.time)}</td>'
        yield f'<th class="file">{esc(change.what)}</th>'
        before, after = change.before[:12] or "was not there", change.after[:12] or "is gone"
        yield f'<td class="hash time" data-of="before, after">{esc(before)}<br>{esc(after)}</td>'
        yield f'<td data-of="commit">{_commit(change)}</td>'
        yield f'<td class="author" data-of="author">{esc(change.author or "not told")}</td>'
        yield f'<td data-of="approved by">{esc(_approver(change))}</td>'
        tickets = dict.fromkeys(
            t for t in (change.ticket, *(each.ticket for each in change.approvals)) if t
        )
        yield f'<td data-of="ticket">{esc(", ".join(tickets) or "-")}</td></tr>'
    yield "</tbody></table>\n" + more(len(period.changes))


def _commit(change: RuleChange) -> str:
    name = f'<span class="hash">{esc(change.commit[:12])}</span>' if change.commit else ""
    parts = [part for part in (name, esc(change.remark)) if part]
    return "; ".join(parts) or "not told"


def _approved(change: RuleChange) -> list[str]:
    return list(dict.fromkeys(each.approved for each in change.approvals if each.approved))


def _approver(change: RuleChange) -> str:
    if approved := _approved(change):
        return ", ".join(approved)
    if change.approvals:
        seen = ", ".join(dict.fromkeys(each.by for each in change.approvals))
        return f"NOBODY (seen by {seen})"
    return "NOBODY" if change.watched else "not asked"


def show_alerts(period: Period) -> Iterator[str]:
    """Each alert and who has seen it; the unanswered ones are not left out."""
    yield "<h2>Alerts and who acknowledged them</h2>\n"
    if not period.alerts:
        yield "<p>The ledger of these days tells of no alert that fired.</p>\n"
        return
    unseen = [each for each in period.alerts if each.after is None]
    yield f"<p>Alerts that fired: {len(period.alerts):,}. Nobody acknowledged {len(unseen):,} of "
    yield "them; those stand first.</p>\n"
    yield '<table class="wide"><thead><tr><th>Fired (UTC)</th><th>Alert</th>'
    yield '<th class="num">Answered after</th><th>By</th><th>What they said</th></tr></thead>'
    yield "<tbody>"
    shown = [*unseen, *(each for each in period.alerts if each.after is not None)]
    for each in shown[:SHOWN]:
        after = "NOBODY" if each.after is None else lasted(each.after)
        said = f"{each.comment} {each.ticket}".strip()
        yield f'<tr><td class="time">{moment(each.time)}</td><th>{esc(each.alert)}</th>'
        yield f'<td class="num" data-of="answered">{after}</td>'
        yield f'<td data-of="by">{esc(each.by)}</td>' if each.by else "<td></td>"
        yield f"<td>{esc(said)}</td></tr>"
    yield "</tbody></table>\n" + more(len(period.alerts))


def show_told(period: Period) -> Iterator[str]:
    """Notifications and silences: whether people were told, and who asked for quiet."""
    yield "<h2>Notifications and silences</h2>\n"
    counts = sorted(period.notifications.items())
    results = ", ".join(f"{count:,} {esc(result)}" for result, count in counts)
    yield f"<p>Notifications by their result: {results or 'none is in the ledger'}.</p>\n"
    if not period.silences:
        yield "<p>Nobody added or changed a silence.</p>\n"
        return
    yield '<table class="wide"><thead><tr><th>When (UTC)</th><th>Who</th><th>What</th>'
    yield "<th>From</th><th>To</th><th>Why</th></tr></thead><tbody>"
    for each in period.silences[:SHOWN]:
        yield f'<tr><td class="time">{moment(each.time)}</td><td>{esc(each.by)}</td>'
        yield f"<td>{esc(f'{each.what}: {each.matchers}')}</td>"
        yield f'<td class="time" data-of="from">{moment(each.start)}</td>'
        yield f'<td class="time" data-of="to">{moment(each.end)}</td>'
        yield f"<td>{esc(each.comment)}</td></tr>"
    yield "</tbody></table>\n" + more(len(period.silences))


def show_blocks(period: Period) -> Iterator[str]:
    """Decisions about who is kept out: how many a day, and whose."""
    yield "<h2>Decisions about blocks</h2>\n"
    if not period.blocks:
        yield "<p>The ledger of these days tells of no block, and of none that was ended.</p>\n"
        return
    yield '<table class="wide"><thead><tr><th>Day</th><th>What</th><th>Decided by</th>'
    yield '<th class="num">Networks</th></tr></thead><tbody>'
    for each in period.blocks[:SHOWN]:
        yield f'<tr><td class="time">{day_text(each.day)}</td><th>{esc(each.what)}</th>'
        yield f'<td data-of="by">{esc(each.by)}</td>'
        yield f'<td class="num" data-of="networks">{each.networks:,}</td></tr>'
    yield "</tbody></table>\n" + more(len(period.blocks))


def lasted(span: int) -> str:
    return format_duration(max(span, 0) // 1000 * 1000)


def more(count: int) -> str:
    return f"<p>and {count - SHOWN:,} more, in the ledger</p>\n" if count > SHOWN else ""
