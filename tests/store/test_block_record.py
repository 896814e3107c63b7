"""The record of blocks is written anew without what nobody remembers, and nothing else changes."""

from __future__ import annotations

import threading

from hypothesis import given, settings
from hypothesis import strategies as st

from tocsin.durations import DAY, HOUR
from tocsin.errors import ParseError
from tocsin.respond import Blocks, Event, Safeguards, read_network
from tocsin.store import BlockRecord

NOW = 1_800_000_000_000_000
CLIENTS = [f"203.0.113.{n}" for n in range(8)]
STEPS = st.lists(
    st.tuples(
        st.integers(0, 200),
        st.sampled_from(["propose", "approve", "remove"]),
        st.sampled_from(CLIENTS),
    ),
    max_size=60,
).map(sorted)


def events_of(steps):
    blocks, made = Blocks(Safeguards()), []
    for day, kind, client in steps:
        now = NOW + day * DAY
        try:
            if kind == "propose":
                event = blocks.propose(
                    client, now, by="rule", reason="r", first_seen=now, last_seen=now
                )
            elif kind == "approve":
                event = blocks.approve(client, now, by="me", reason="r")
            else:
                event = blocks.remove(client, now, by="me", reason="r")
        except ParseError:
            continue
        if event is not None:
            blocks.apply(event)
            made.append(event)
    return made


def answers(events, now):
    blocks = Blocks(Safeguards(), events)
    return (
        list(blocks.all(now)), [network for network, _ in blocks.blocked(now)],
        [blocks.was_blocked(read_network(each)) for each in CLIENTS],
        [blocks.approve(each, now, by="x").expires for each in CLIENTS],
        [blocks.objection(each, now) for each in CLIENTS],
    )  # fmt: skip


@settings(max_examples=150)
@given(STEPS, st.integers(0, 60), st.integers(200, 330))
def test_every_answer_is_the_same(tmp_path_factory, steps, known, day):
    record, now = BlockRecord(tmp_path_factory.mktemp("blocks") / "blocks.jsonl"), NOW + day * DAY
    made = events_of(steps)
    record.decide_all(lambda _: made)
    known = min(known, len(made))
    before = answers(record.events(), now)

    def forgotten(events):
        return Blocks(Safeguards(), events).forgotten(now)

    less = record.compact(known, forgotten, large=0)
    dropped, left = record.read()
    assert dropped == less
    assert dropped + len(left) == len(made)
    # What was not told elsewhere is all there, at its place.
    assert left[known - dropped :] == made[known:]
    assert answers(left, now) == before
    assert not less or 2 * less >= len(made)
    assert record.compact(known, forgotten, large=0) == 0 or less


def proposal(n, time=NOW):
    return Event(time, "propose", f"198.51.{n % 250}.{n // 250}/32", "rule", "r")


def test_it_stays_as_it_is_while_it_is_small(tmp_path):
    record = BlockRecord(tmp_path / "blocks.jsonl")
    record.decide_all(lambda _: [proposal(n) for n in range(10)])
    assert record.compact(10, lambda events: {each.network for each in events}) == 0
    assert len(record.events()) == 10


def test_what_is_added_meanwhile_is_in_the_new_file(tmp_path):
    """Writers wait for the lock of the old file, and write into the one that took its place."""
    path = tmp_path / "blocks.jsonl"
    BlockRecord(path).decide_all(lambda _: [proposal(n) for n in range(2000)])
    path.chmod(0o640)
    entered, go_on = threading.Event(), threading.Event()

    def drop(events):
        entered.set()
        assert go_on.wait(10)
        return {each.network for each in events}

    compacting = threading.Thread(target=lambda: BlockRecord(path).compact(2000, drop, large=0))
    compacting.start()
    assert entered.wait(10)
    writers = [
        threading.Thread(target=BlockRecord(path).decide, args=(lambda _, n=n: proposal(5000 + n),))
        for n in range(5)
    ]
    for each in writers:
        each.start()
    go_on.set()
    for each in (compacting, *writers):
        each.join(10)
    dropped, events = BlockRecord(path).read()
    assert dropped == 2000
    assert sorted(each.network for each in events) == sorted(
        proposal(5000 + n).network for n in range(5)
    )
    assert path.stat().st_mode & 0o777 == 0o640
    assert [each.name for each in tmp_path.iterdir()] == ["blocks.jsonl"]
    # And again, on top of what is gone already.
    later = NOW + 200 * DAY
    BlockRecord(path).decide_all(lambda _: [proposal(1, later)])
    gone = BlockRecord(path).compact(
        2005, lambda e: Blocks(Safeguards(), e).forgotten(later + HOUR), large=0
    )
    assert gone == 5
    dropped, events = BlockRecord(path).read()
    assert (dropped, len(events)) == (2005, 1)
