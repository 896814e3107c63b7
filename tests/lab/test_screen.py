"""What the demo shows, as text."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from tocsin.cli import _demo as command
from tocsin.lab._chart import column_chart
from tocsin.lab._plain import PlainScreen
from tocsin.lab._screen import LiveScreen, picture
from tocsin.lab._stage import Missed
from tocsin.lab._story import Story
from tocsin.lab._watch import RuleNow, Snapshot
from tocsin.lab._webhook import Received

AT = 1_795_298_400.0


def story():
    told = Story(AT - 40, AT + 40, "Attack: one account is guessed at", url="http://127.0.0.1:1")
    told.attack = AT - 30
    told.enter("detect")
    told.notices = [Received(AT, "ExcessiveLoginFailures", "firing", "high", "", AT - 0.25, {})]
    return told


def snapshot(**changes):
    return Snapshot(
        AT,
        **{
            "targets": (("127.0.0.1:5000", "up"),),
            "failures": tuple((AT - 40 + k, float(k)) for k in range(41)),
            "rate": 6.25,
            "p95": 0.1,
            "rules": (
                RuleNow("ExcessiveLoginFailures", "pending", "ok", 60.0, AT - 18, 15.0),
                RuleNow("LoginLatencyAboveObjective", "inactive", "err", 60.0, 0.0, 0.3),
            ),
            **changes,
        },
    )


def drawn(told, seen, width=80):
    console = Console(width=width, file=io.StringIO(), color_system=None)
    console.print(picture(told, seen, width))
    return console.file.getvalue().splitlines()


def test_the_picture_says_in_words_what_its_colours_say():
    lines = drawn(story(), snapshot())
    text = "\n".join(lines)
    assert (
        lines[0]
        == " Tocsin demo                                         0:40 gone, about 0:40 to go"
    )
    assert lines[1].startswith("✓ instrument ─────────▶ ▸ detect ─────────▶ · notify")
    assert "Failed logins in 5 minutes: 40 ABOVE the limit of 15" in text
    assert "Targets up 1 of 1   Logins 6.2/s   p95 0.10 s within the limit of 0.3 s" in text
    assert "ExcessiveLoginFailures      pending, fires in 42 s" in text
    assert "LoginLatencyAboveObjective  inactive, its evaluation fails" in text
    assert "firing ExcessiveLoginFailures: 0.25 s after the rule, 30 s after the attack" in text


@pytest.mark.parametrize("width", [40, 60, 80, 100])
@pytest.mark.parametrize("seen", [snapshot(), Snapshot(AT), Snapshot(AT, error="refused " * 9)])
def test_the_picture_fits(width, seen):
    told = story()
    told.notices = told.notices * 9
    lines = drawn(told, seen, width)
    assert max(len(line) for line in lines) <= width
    if width >= 80:
        assert len(lines) <= 24


def test_what_failed_is_marked():
    told = story()
    told.fail()
    assert "✗ detect" in drawn(told, snapshot())[1]


def test_the_limit_is_a_line_and_columns_cross_it():
    points = [(float(k), float(k)) for k in range(10)]
    rows = [row.plain for row in column_chart(points, 0, 20, 4.0, 25, 5)]
    assert [len(row) for row in rows] == [25] * 5
    assert rows[0].startswith("   9 ")
    assert rows[2].startswith("   4 ")
    assert rows[2].endswith("┄" * 10)
    assert rows[-1][5:15].strip("▁▂▃▄▅▆▇█┄ ") == ""
    assert column_chart([], 0, 1, None, 20, 3)


def test_lines_for_a_log_come_with_changes_and_every_few_seconds():
    lines = []
    screen = PlainScreen(lines.append)
    told, seen = story(), snapshot()
    screen.show(told, seen)
    screen.show(told, seen)
    assert [line[10:40] for line in lines] == [
        "Attack: one account is guessed",
        "targets up 1 of 1, failed logi",
        "webhook received: firing Exces",
    ]
    screen.show(told, snapshot(rules=()))
    screen.close(told, Snapshot(AT + 9, error="refused"))
    assert lines[-1] == "[ 49.0 s] no answer from the daemon: refused"


def test_a_terminal_is_drawn_on_in_place():
    console = Console(width=80, file=io.StringIO(), force_terminal=True, color_system=None)
    screen = LiveScreen(console)
    screen.show(story(), snapshot())
    screen.close(story(), snapshot())
    assert "Tocsin demo" in console.file.getvalue()


def test_what_was_missed_is_told_with_the_logs(capsys, tmp_path):
    command._failed(Missed("the webhook receives X, within 5 s", "0 notifications"), tmp_path)
    told = capsys.readouterr().err
    assert "expected: the webhook receives X, within 5 s\nseen:     0 notifications\n" in told
    assert f"logs:     {tmp_path}\n" in told
    assert f"hint: {tmp_path}/tocsin.log" in told
