"""`tocsin evidence disposition`: a word about a day that asks for one, and about no other."""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner

from tests.report.days import put, record
from tests.seal.chains import names
from tocsin.cli import cli
from tocsin.errors import EvidenceError, StoreError

FIRST, SECOND, THIRD, OPEN, LAST = names(5)
SAID = ("--outcome", "fault", "--by", "Ada", "--text", "a disk was full")


def say(root, day, control="alpha"):
    """The file that was written below `root`. Raises what the command raises."""
    words = ["evidence", "disposition", day, control, *SAID, "--folder", str(root)]
    done = CliRunner().invoke(cli, words, standalone_mode=False)
    if done.exception is not None:
        raise done.exception
    return done.stdout.split()[-1].removeprefix(f"{root}/")


def files(day):
    drilled = {"beta.json": record("beta", day)}
    if day == SECOND:
        return drilled | {"alpha.json": record("alpha", day, "exception")}
    if day == THIRD:
        late = {f"late/{FIRST}/beta.json": record("beta", FIRST, "exception")}
        return drilled | late | {"alpha.json": record("alpha", day, "no-data")}
    return drilled | {"alpha.json": record("alpha", day)}


def entries(day):
    if day == THIRD:
        yield 5, "drill", {"id": "d", "drill": "d", "control": "beta", "passed": False, "why": "x"}


@pytest.fixture
def root(tmp_path):
    made = put(tmp_path / "evidence", 3, files, entries)
    (made / OPEN).mkdir()
    (made / OPEN / "alpha.json").write_bytes(record("alpha", OPEN, "exception"))
    return made


@pytest.mark.parametrize(
    ("day", "control"),
    [(SECOND, "alpha"), (OPEN, "alpha"), (FIRST, "beta"), (THIRD, "beta"), (THIRD, "alpha")],
    ids=["sealed", "not yet sealed", "a late record", "a drill that failed", "without data"],
)
def test_what_asks_for_words_is_answered_in_the_next_day(root, day, control):
    path = say(root, day, control)
    assert path == f"{OPEN}/dispositions/{day}.{control}.1.json"
    assert json.loads((root / path).read_bytes())["day"] == day
    assert say(root, day, control).endswith(f"{control}.2.json")


@pytest.mark.parametrize(
    ("day", "control", "state", "hint"),
    [
        (FIRST, "alpha", "operated", f"days of this control to explain: {SECOND}, {THIRD}, {OPEN}"),
        (OPEN, "beta", "not on record", f"days of this control to explain: {FIRST}, {THIRD}"),
        (
            LAST,
            "alpha",
            "not on record",
            f"days of this control to explain: {SECOND}, {THIRD}, {OPEN}",
        ),
        (SECOND, "alhpa", "not on record", "controls on record: alpha, beta"),
    ],
)
def test_other_days_are_refused_and_those_to_explain_are_named(root, day, control, state, hint):
    with pytest.raises(EvidenceError, match=f"is {state}: there is nothing to explain") as refused:
        say(root, day, control)
    assert refused.value.hint == hint
    assert not list(root.rglob("dispositions"))


def test_where_there_is_nothing_nothing_is_made(tmp_path):
    with pytest.raises(StoreError):
        say(tmp_path / "none", FIRST)
    (tmp_path / "empty").mkdir()
    with pytest.raises(EvidenceError) as refused:
        say(tmp_path / "empty", FIRST)
    assert "tocsin evidence collect" in refused.value.hint
    assert [path.name for path in tmp_path.iterdir()] == ["empty"]


def test_a_control_that_operated_says_so(tmp_path):
    with pytest.raises(EvidenceError) as refused:
        say(put(tmp_path / "evidence", 2), FIRST)
    assert "has operated on all days" in refused.value.hint
