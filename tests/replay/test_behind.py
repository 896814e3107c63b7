"""Who was behind the alarms of a replay: what the lines of its time say, read a second time."""

from __future__ import annotations

import gzip
import json
import random
import time

import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.engine.test_logs import BEGIN, MINUTE, SECOND, line
from tests.replay.test_replay import ACCESS, metric_filter, replayed, sum_alarm
from tocsin.alarms import CompositeAlarm
from tocsin.cli import cli
from tocsin.definitions import Definitions, write_definitions
from tocsin.logformat import Parsed, make_format
from tocsin.replay import Replayer, ReplayOptions
from tocsin.source import LogLimits, read_head, read_window

FILTERS = [
    metric_filter("missing", ACCESS.format("404")),
    metric_filter("error", ACCESS.format("5*")),
]
ALARMS = [sum_alarm("missing", 5, period=60), sum_alarm("error", 3, period=60)]


def fired(done):
    return [each for each in done.transitions if each.transition.after == "ALARM"]


def written(path, events, *, packed=False):
    """A log of (second, status, client); the events in the order of the lines."""
    text = "".join(line(BEGIN + at * SECOND, status, who) for at, status, who in events).encode()
    path.write_bytes(gzip.compress(text) if packed else text)
    return text


EVENTS = st.lists(
    st.tuples(
        st.integers(0, 600),
        st.sampled_from([404, 404, 200, 503]),
        st.sampled_from(["203.0.113.9", "198.51.100.7", "192.0.2.1"]),
    ),
    min_size=1,
    max_size=120,
)


@settings(max_examples=60)
@given(EVENTS, st.booleans(), st.integers(0, 30), st.randoms(use_true_random=False))
def test_the_lines_say_what_a_naive_look_says(tmp_path_factory, events, packed, late, rng):
    folder = tmp_path_factory.mktemp("behind")
    # Lines stand a little out of order, as web servers write them.
    events = sorted(events, key=lambda each: each[0] + rng.uniform(0, late))
    text = written(folder / "a.log", events, packed=packed)
    lines = text.splitlines(keepends=True)
    for each in fired(replayed([folder / "a.log"], FILTERS, ALARMS)):
        asked = {"many-missing": "404", "many-error": "503"}[each.transition.alarm]
        naive = {}
        for at, status, who in events:
            if each.start <= BEGIN + at * SECOND < each.end and str(status) == asked:
                naive.setdefault(who, []).append(BEGIN + at * SECOND)
        found = {one.name: (one.events, one.first, one.last) for one in each.offenders}
        assert found == {who: (len(t), min(t), max(t)) for who, t in naive.items()}
        assert each.looked_at == each.events == sum(map(len, naive.values()))
        assert [one.events for one in each.offenders] == sorted(
            (o.events for o in each.offenders), reverse=True
        )
        for one in each.offenders:
            assert 1 <= len(one.samples) <= 3
            for place in one.samples:
                begins = f"{one.name} ".encode()
                if packed:
                    assert lines[int(place.rpartition(":")[2]) - 1].startswith(begins)
                else:
                    assert text[int(place.rpartition("@")[2]) :].startswith(begins)


def test_only_the_times_of_alarms_are_read_of_a_large_log(tmp_path):
    rng = random.Random(5)
    events = [
        (second, 200, f"192.0.2.{rng.randrange(9)}") for second in range(40_000) for _ in range(2)
    ]
    events[50_000:50_000] = [(25_000, 404, "203.0.113.9")] * 7
    text = written(tmp_path / "a.log", events)
    form, log = make_format("combined"), read_head(str(tmp_path / "a.log"))

    def time_of(raw):
        found = form.parse(raw)
        return found.time if isinstance(found, Parsed) else None

    begin = BEGIN + 25_000 * SECOND
    blocks = list(read_window(log, time_of, begin - MINUTE, begin + MINUTE))
    assert sum(len(block) for _, block in blocks) < len(text) / 4
    assert all(text[at : at + len(block)] == block for at, block in blocks)
    assert b"".join(block for _, block in blocks).count(b"203.0.113.9 ") == 7
    (each,) = fired(replayed([tmp_path / "a.log"], FILTERS, ALARMS))
    assert [(one.name, one.events) for one in each.offenders] == [("203.0.113.9", 7)]


@settings(max_examples=50)
@given(
    st.lists(st.integers(0, 5000), min_size=1, max_size=300),
    st.integers(0, 5000), st.integers(0, 500),
    st.lists(st.sampled_from(["junk\n", "\n", "x" * 5000 + "\n", "\0\n"]), max_size=6),
    st.randoms(use_true_random=False), st.booleans(), st.booleans(),
)  # fmt: skip
def test_a_window_has_every_line_of_its_time(
    tmp_path_factory, seconds, start, span, junk, rng, mark, ended
):
    """Whatever stands between the lines, and however they are repeated to make a log long."""
    path = tmp_path_factory.mktemp("window") / "a.log"
    lines = [
        line(BEGIN + at * SECOND, client=f"c{number}") * 20
        for number, at in enumerate(sorted(seconds))
    ]
    for each in junk:
        lines.insert(rng.randrange(len(lines) + 1), each)
    text = (b"\xef\xbb\xbf" if mark else b"") + "".join(lines).encode()
    text = text if ended else text.removesuffix(b"\n")
    path.write_bytes(text)
    form = make_format("combined")

    def time_of(raw):
        found = form.parse(raw)
        return found.time if isinstance(found, Parsed) else None

    begin, end = BEGIN + start * SECOND, BEGIN + (start + span) * SECOND
    blocks = list(read_window(read_head(str(path)), time_of, begin, end))
    assert all(text[at : at + len(block)] == block for at, block in blocks)
    read = [raw for _, block in blocks for raw in block.split(b"\n")]
    wanted = [
        raw
        for raw in text.removeprefix(b"\xef\xbb\xbf").split(b"\n")
        if begin <= (time_of(raw) or 0) < end
    ]
    assert [raw for raw in read if begin <= (time_of(raw) or 0) < end] == wanted


def test_a_composite_alarm_has_those_behind_the_alarms_that_speak_for_it(tmp_path):
    alarms = [
        *ALARMS, sum_alarm("missing", 2, period=60, alarm_name="low"),
        CompositeAlarm("both", 'ALARM("many-missing") AND (ALARM("many-error") OR ALARM("low"))'),
        CompositeAlarm("top", 'ALARM("both") AND NOT ALARM("gone")'),
    ]  # fmt: skip
    events = [(at, 404, "203.0.113.9") for at in range(6)] + [
        (at, 503, "198.51.100.7") for at in range(3)
    ]
    written(tmp_path / "a.log", sorted(events))
    by_name = {
        each.transition.alarm: each
        for each in fired(replayed([tmp_path / "a.log"], FILTERS, alarms))
    }
    for name in ("both", "top"):
        found = by_name[name]
        assert [(one.name, one.events) for one in found.offenders] == [
            ("203.0.113.9", 6),
            ("198.51.100.7", 3),
        ]
        assert (found.events, found.looked_at, found.distinct) == (9, 9, 2)


def test_users_of_a_login_log_are_named(tmp_path):
    text = "".join(
        f"Nov 21 10:00:{at:02} h sshd[{at}]: Failed password for invalid user u{at % 7} from 203.0.113.9 port 1 ssh2\n"
        for at in range(20)
    )
    (tmp_path / "auth.log").write_text(text)
    filters, alarms = (
        [metric_filter("failed", '"Failed password"')],
        [sum_alarm("failed", 5, period=60)],
    )
    (each,) = fired(replayed([tmp_path / "auth.log"], filters, alarms, year=2026))
    (one,) = each.offenders
    assert (one.name, one.events, one.others, one.more) == (
        "203.0.113.9", 20, ("u0", "u1", "u2", "u3", "u4"), True,
    )  # fmt: skip
    assert one.samples[0] == f"{tmp_path}/auth.log@0"


def printed(tmp_path, *arguments, given=None):
    (tmp_path / "d.json").write_bytes(write_definitions(Definitions(tuple(FILTERS), tuple(ALARMS))))
    command = ["replay", "--definitions", str(tmp_path / "d.json"), *map(str, arguments)]
    done = CliRunner().invoke(cli, command, standalone_mode=False, input=given)
    assert (done.return_value, done.exception) == (0, None)
    return done


def test_text_json_and_page_tell_it(tmp_path):
    written(tmp_path / "a.log", [(at, 404, "203.0.113.9") for at in range(6)])
    text = printed(tmp_path, "--html", tmp_path / "page.html", tmp_path / "a.log").stdout
    assert "6  203.0.113.9      2023-11-14T22:14:00Z to 2023-11-14T22:14:05Z\n" in text
    assert f"           {tmp_path}/a.log@0\n" in text
    page = (tmp_path / "page.html").read_text()
    assert f"{tmp_path}/a.log@0" in page
    assert '<time datetime="2023-11-14T22:14:05Z">' in page
    found = json.loads(printed(tmp_path, "--format", "json", tmp_path / "a.log").stdout)
    (each,) = [one for one in found["transitions"] if one["after"] == "ALARM"]
    assert each["events_looked_at"] == each["events"] == 6
    (one,) = each["offenders"]
    assert (one["name"], one["events"], one["first"]) == ("203.0.113.9", 6, "2023-11-14T22:14:00Z")


def test_standard_input_is_not_read_twice_and_that_is_told(tmp_path):
    text = written(tmp_path / "a.log", [(at, 404, "203.0.113.9") for at in range(6)])
    told = printed(tmp_path, "-", given=text).stdout
    assert "6  203.0.113.9\n" in told
    assert "not known: the lines could not be read again" in told


def test_a_flood_is_looked_at_in_part_and_that_is_told(tmp_path):
    lines = line(BEGIN + SECOND) * 40_000 + line(BEGIN + 30 * SECOND, client="198.51.100.7") * 5000
    (tmp_path / "a.log").write_text(lines)
    began = time.process_time()
    (each,) = fired(replayed([tmp_path / "a.log"], FILTERS, ALARMS))
    assert time.process_time() - began < 5
    assert each.events == 45_000
    assert 1800 <= each.looked_at <= 2000
    # They are from all over the time; what was counted before is told of those that were seen.
    assert [(one.name, one.events, one.error) for one in each.offenders] == [
        ("203.0.113.9", 40_000, 0),
        ("198.51.100.7", 5000, 0),
    ]
    told = printed(tmp_path, tmp_path / "a.log").stdout
    assert f"places are those of {each.looked_at} of the 45000 events" in told


def test_many_alarms_are_looked_into_up_to_a_number(tmp_path):
    events = [(minute * 600 + at, 404, "203.0.113.9") for minute in range(130) for at in range(6)]
    written(tmp_path / "a.log", events)
    found = fired(replayed([tmp_path / "a.log"], FILTERS, ALARMS))
    assert len(found) == 130
    assert [bool(each.offenders) for each in found] == [True] * 50 + [False] * 80
    assert all(each.sources == (("203.0.113.9", 6),) for each in found)


@pytest.mark.parametrize("packed", [False, True])
def test_a_log_that_is_gone_by_then_is_no_failure(tmp_path, packed):
    path = tmp_path / "a.log"
    written(path, [(at, 404, "203.0.113.9") for at in range(6)], packed=packed)
    gone = [False]

    def progress(_):
        # While it is counted its bytes are there; when it is looked at again it is not.
        if not gone[0]:
            gone[0] = True
            path.unlink()

    replayer = Replayer(FILTERS, ALARMS, ReplayOptions(), LogLimits())
    (each,) = fired(replayer.run(replayer.open([str(path)], 0), progress))
    assert (each.events, each.looked_at, each.offenders) == (6, 0, ())
    assert each.sources == (("203.0.113.9", 6),)
