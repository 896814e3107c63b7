"""What Sigma rules found, on the page of a replay."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tocsin.cli._replay_rules import busiest, measured, not_named
from tocsin.cli._replay_text import escaped, offender_facts, time_element

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from tocsin.correlation import TopOffender
    from tocsin.replay import Correlated

__all__ = ["rules_section"]

_ROWS = 100
"""Alerts that are listed."""


def rules_section(found: Correlated) -> Iterator[str]:
    """The alerts in the order of their times, then the busiest of each correlation."""
    yield '<section id="rules">\n<h2>Sigma rules</h2>'
    count = found.by_rule.total()
    if not count:
        yield "<p>No alert.</p>"
    else:
        yield f"<p>{count:,} alert{'' if count == 1 else 's'}.</p>"
        yield '<table class="changes"><thead><tr><th scope="col">when</th><th scope="col">rule'
        yield '</th><th scope="col">what</th><th scope="col">who</th></tr></thead><tbody>'
        for each, behind in zip(found.alerts[:_ROWS], found.behind, strict=False):
            level = f"<br>{escaped(each.level)}" if each.level else ""
            yield (
                f'<tr class="to-alarm"><td>{time_element(each.time)}</td>'
                f"<td><strong>{escaped(each.title)}</strong>{level}</td>"
                f"<td>{escaped(f'{measured(each)}; {each.reference}', 500)}</td>"
                f"<td>{_group(each.group)}{_who(behind)}</td></tr>"
            )
        yield "</tbody></table>"
        if told := not_named(found):
            yield f"<p>{told}</p>"
        if count > _ROWS:
            yield f"<p>The first {_ROWS} of {count:,} alerts; --format json has more.</p>"
    for rules, offenders in busiest(found):
        yield f"<h3>Busiest of {escaped(', '.join(rules), 500)}</h3>"
        yield '<table><thead><tr><th scope="col">events</th><th scope="col">who</th>'
        yield '<th scope="col">from</th><th scope="col">to</th></tr></thead><tbody>'
        for one in offenders:
            error = f" (up to {one.error} more)" if one.error else ""
            yield (
                f"<tr><td>{one.events}{error}</td><td>{_group(one.group)}</td>"
                f"<td>{time_element(one.first)}</td><td>{time_element(one.last)}</td></tr>"
            )
        yield "</tbody></table>"
    yield "</section>"


def _who(behind: Iterable[TopOffender]) -> str:
    listed = (
        f"<li><strong>{each.events}{f' (up to {each.error} more)' if each.error else ''}</strong> "
        f"{offender_facts(each)}</li>"
        for each in behind
    )
    text = "".join(listed)
    return f"<ul>{text}</ul>" if text else ""


def _group(group: tuple[tuple[str, str], ...]) -> str:
    return escaped(", ".join(value for _, value in group), 200)
