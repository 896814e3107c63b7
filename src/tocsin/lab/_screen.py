"""The demo as a live picture in the terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.console import Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from tocsin.lab._chart import column_chart
from tocsin.lab._story import STAGES, Mark, rule_text

if TYPE_CHECKING:
    from rich.console import Console, RenderableType

    from tocsin.lab._story import Story
    from tocsin.lab._watch import RuleNow, Snapshot

__all__ = ["LiveScreen", "picture"]

_WIDEST = 100
_CHART_ROWS = 6
_STYLES = {
    Mark.AHEAD: "dim",
    Mark.NOW: "bold cyan",
    Mark.DONE: "green",
    Mark.FAILED: "bold red",
}
_SIGNS = {Mark.AHEAD: "·", Mark.NOW: "▸", Mark.DONE: "✓", Mark.FAILED: "✗"}
_STATES = {"inactive": "dim", "pending": "bold yellow", "firing": "bold red"}


class LiveScreen:
    """Redraws in place once a second."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self.width = min(console.width, _WIDEST)
        self._live = Live(console=console, auto_refresh=False, transient=False)
        self._live.start()

    def show(self, story: Story, snapshot: Snapshot) -> None:
        self.width = min(self._console.width, _WIDEST)
        self._live.update(picture(story, snapshot, self.width), refresh=True)

    def close(self, story: Story, snapshot: Snapshot) -> None:
        self.show(story, snapshot)
        self._live.stop()


def picture(story: Story, snapshot: Snapshot, width: int) -> RenderableType:
    """At most 22 lines, so that it fits on 80 by 24."""
    return Group(
        _title(story, snapshot, width),
        _pipeline(story, width),
        Text(),
        Text(story.doing, style="bold", no_wrap=True, overflow="ellipsis"),
        Text(),
        *_failures(story, snapshot, width),
        _measures(snapshot),
        Text(),
        _rules(snapshot),
        Text(),
        *_notices(story),
    )


def _title(story: Story, snapshot: Snapshot, width: int) -> Text:
    left = max(0.0, story.ends - snapshot.at)
    togo = "over" if story.over else f"about {_minutes(left)} to go"
    clock = f"{_minutes(snapshot.at - story.began)} gone, {togo}"
    title = Text(" Tocsin demo ", style="reverse bold")
    return title.append(clock.rjust(width - len(title)), style="not reverse not bold")


def _minutes(seconds: float) -> str:
    return f"{int(seconds) // 60}:{int(seconds) % 60:02}"


def _pipeline(story: Story, width: int) -> Text:
    gap = (width - sum(len(stage) + 2 for stage in STAGES)) // len(STAGES) - 2
    arrow = f" {'─' * min(gap, 9)}▶ "
    text = Text()
    for stage in STAGES:
        mark = story.marks[stage]
        text.append(arrow if text else "", style="dim")
        text.append(f"{_SIGNS[mark]} {stage}", style=_STYLES[mark])
    return text


def _rule_about(snapshot: Snapshot, word: str) -> RuleNow | None:
    return next((rule for rule in snapshot.rules if word in rule.name), None)


def _compared(value: float, limit: float | None, unit: str) -> Text:
    """A value beside its limit; the word says what the colour says."""
    digits = ".0f" if unit == "" else ".2f"
    text = Text(f"{value:{digits}}{unit}", style="bold")
    if limit is not None:
        above = value > limit
        text.append(f" {'ABOVE' if above else 'within'} the limit of {limit:g}{unit}",
                    style="bold red" if above else "green")  # fmt: skip
    return text


def _failures(story: Story, snapshot: Snapshot, width: int) -> list[Text]:
    rule = _rule_about(snapshot, "Failures")
    limit = rule.limit if rule else None
    title = Text("Failed logins in 5 minutes: ")
    if snapshot.error:
        title.append(f"no answer from the daemon: {snapshot.error}", style="bold red")
    elif snapshot.failures:
        title.append_text(_compared(snapshot.failures[-1][1], limit, ""))
    else:
        title.append("none yet", style="dim")
    rows = column_chart(snapshot.failures, story.began, story.ends, limit, width, _CHART_ROWS)
    return [title, *rows]


def _measures(snapshot: Snapshot) -> Text:
    text = Text()
    up = sum(health == "up" for _, health in snapshot.targets)
    text.append(f"Targets up {up} of {len(snapshot.targets)}")
    text.append("   Logins ")
    text.append("-" if snapshot.rate is None else f"{snapshot.rate:.1f}/s", style="bold")
    text.append("   p95 ")
    slow = _rule_about(snapshot, "Latency")
    if snapshot.p95 is None:
        text.append("-", style="bold")
    else:
        text.append_text(_compared(snapshot.p95, slow.limit if slow else None, " s"))
    return text


def _rules(snapshot: Snapshot) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim")
    table.add_column("rule", min_width=26, no_wrap=True)
    table.add_column("state", no_wrap=True)
    for rule in snapshot.rules:
        table.add_row(
            rule.name, Text(rule_text(rule, snapshot.at), style=_STATES.get(rule.state, ""))
        )
    for _ in range(3 - len(snapshot.rules)):
        table.add_row(Text("-", style="dim"), "")
    return table


def _notices(story: Story) -> list[Text]:
    lines = [Text("webhook received", style="dim")]
    lines += [
        Text(story.notice_text(notice), style="bold", no_wrap=True, overflow="ellipsis")
        for notice in story.notices[-3:]
    ]
    return lines if story.notices else [*lines, Text("nothing yet", style="dim")]
