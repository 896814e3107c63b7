"""Counts of clients in arrays, beside a dictionary of counters."""

from __future__ import annotations

import copy
import pickle
from collections import Counter

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from tocsin.durations import MINUTE
from tocsin.scan import _names
from tocsin.scan._names import LONGEST_CLIENT, Clients, CutClients, Names
from tocsin.scan._sources import Sources

ODD = [
    "",
    "a",
    "a\0",
    "\0",
    "a\nb",
    "\n",
    "ä",
    "\ud800",
    "\\ud800",
    "x" * 15,
    "x" * 16,
    "x" * 17,
    "y" * 8,
]
NAMES = st.one_of(st.sampled_from(ODD), st.integers(0, 300).map("198.51.100.{}".format))
MINUTES = st.integers(-2, 4).map(MINUTE.__mul__)
KEYS = st.sampled_from([(("web", "a"), ()), (("web", "a"), (("D", "1"),)), (("web", "b"), ())])
CELLS = st.tuples(KEYS, MINUTES).map(lambda each: (each[0][0], each[1], each[0][1]))
STEPS = st.one_of(
    st.tuples(st.just("mapping"), CELLS, st.dictionaries(NAMES, st.integers(1, 9), max_size=9)),
    st.tuples(st.just("listed"), CELLS, st.lists(NAMES, max_size=9)),
    st.tuples(st.just("many"), KEYS, st.lists(st.tuples(MINUTES, NAMES), max_size=99)),
    st.tuples(st.just("merge")),
    st.tuples(st.just("sent")),
    st.tuples(st.just("copied")),
    st.tuples(st.just("set"), CELLS, st.dictionaries(NAMES, st.integers(1, 9), min_size=1)),
    st.tuples(st.just("deleted"), CELLS),
    st.tuples(st.just("tidied")),
    st.tuples(st.just("settled")),
    st.tuples(st.just("settled aside")),
    st.tuples(st.just("weighed")),
    st.tuples(st.just("asked"), CELLS),
)


@settings(max_examples=300)
@given(st.lists(STEPS, max_size=30))
def test_arrays_count_what_counters_count(steps):
    sources, true = Sources(), {}
    aside, true_aside = Sources(), {}
    for what, *given_ in steps:
        if what in ("mapping", "listed"):
            cell, clients = given_
            aside.add(cell, clients)
            if clients:
                true_aside.setdefault(cell, Counter()).update(clients)
        elif what == "many":
            (key, dimensions), events = given_
            events.sort(key=lambda each: each[0])
            minutes = np.array([minute for minute, _ in events], np.int64)
            clients = Clients([name for _, name in reversed(events)])
            which = np.arange(len(events))[::-1]
            aside.add_many((key, dimensions), minutes, clients, which)
            for minute, name in events:
                true_aside.setdefault((key, minute, dimensions), Counter())[name] += 1
        elif what == "merge":
            sources.merge(aside)
            for cell, clients in true_aside.items():
                true.setdefault(cell, Counter()).update(clients)
            aside, true_aside = Sources(), {}
        elif what == "sent":
            aside = pickle.loads(pickle.dumps(aside))  # noqa: S301
        elif what == "copied":
            sources = copy.deepcopy(sources)
        elif what == "set":
            sources[given_[0]] = given_[1]
            true[given_[0]] = Counter(given_[1])
        elif what == "deleted" and given_[0] in true:
            del sources[given_[0]], true[given_[0]]
        elif what == "tidied":
            sources.tidy()
            names = sources.names.texts(np.arange(len(sources.names)))
            assert sorted(names) == sorted({name for each in true.values() for name in each})
        elif what == "settled":
            sources.settle()
        elif what == "settled aside":
            aside.settle()
        elif what == "weighed":
            assert sources.weight >= sum(map(len, true.values()))
        elif what == "asked":
            assert sources.get(given_[0]) == true.get(given_[0])
            assert (given_[0] in sources) == (given_[0] in true)
    assert (dict(sources.items()), set(sources), len(sources)) == (true, set(true), len(true))
    assert (dict(aside.items()), len(aside)) == (true_aside, len(true_aside))


WORDS = st.one_of(
    st.sampled_from(
        [b"\xff\xfe", b"\xc3\xa4", b"x" * 16, b"x" * 17, b"y" * 300, b"\xc3\xa4" * 150]
    ),
    st.binary(min_size=1, max_size=20).map(
        lambda each: bytes(each.translate(None, b"\0 \n")) or b"z"
    ),
    st.integers(0, 10**6).map(lambda each: b"%d" % each),
)


@settings(max_examples=200)
@given(st.lists(st.lists(WORDS, max_size=120), max_size=6))
def test_names_of_a_block_are_told_apart(blocks):
    names, seen = Names(), {}
    for words in blocks:
        block = b" ".join(words) + b" - - the rest of the last line"
        ends = np.cumsum([len(each) + 1 for each in words], dtype=np.int64) - 1
        begins = ends - np.array([len(each) for each in words], np.int64)
        found = CutClients(block, begins, ends).numbers(names)
        for word, number in zip(words, found.tolist(), strict=True):
            name = word.decode("utf-8", "replace")[:LONGEST_CLIENT]
            assert seen.setdefault(name, number) == number
    assert sorted(seen.values()) == list(range(len(names)))
    assert names.texts(np.arange(len(names))) == sorted(seen, key=seen.get)


def test_more_names_than_places():
    names, words = Names(), [b"%d" % each for each in range(400_000)]
    block = b" ".join(words) + b" and nothing more here"
    ends = np.cumsum([len(each) + 1 for each in words], dtype=np.int64) - 1
    begins = ends - np.array([len(each) for each in words], np.int64)
    found = names.cut(block, begins, ends)
    assert names.texts(found) == [each.decode() for each in words]
    assert (names.cut(block, begins, ends) == found).all()
    assert [names.number(each.decode()) for each in words[::997]] == found[::997].tolist()


def test_names_that_were_chosen_for_one_place():
    """Whoever knows how places are found can have them full."""
    words = [b"%d" % each for each in range(100_000)]
    numbers = np.array([int.from_bytes(each, "little") for each in words], np.uint64)
    places = numbers * np.uint64(_names._FACTORS[0]) >> np.uint64(64 - 24)
    alike = [words[at] for at in np.argsort(places)[:3000].tolist()]
    block = b" ".join(alike) + b" and nothing more here"
    ends = np.cumsum([len(each) + 1 for each in alike], dtype=np.int64) - 1
    begins = ends - np.array([len(each) for each in alike], np.int64)
    names = Names()
    found = names.cut(block, begins, ends)
    assert names.odd > 100
    assert sorted(found.tolist()) == list(range(3000))
    assert names.texts(found) == [each.decode() for each in alike]
    assert [names.number(each.decode()) for each in alike] == found.tolist()
    # Room for more, and what is sent, make them find other places and keep their numbers.
    names.of([f"x{each}" for each in range(5000)])
    for each in (names, pickle.loads(pickle.dumps(names))):  # noqa: S301
        assert (each.cut(block, begins, ends) == found).all()
        assert len(each) == 8000


def test_what_is_much_is_joined_when_somebody_asks():
    rng, true, joined = np.random.default_rng(1), Counter(), Sources()
    key, cells = (("web", "a"), ()), [(("web", "a"), at * MINUTE, ()) for at in range(9)]
    for turn in range(3):
        names = [f"198.51.{at % 256}.{at // 256}" for at in range(turn * 5000, turn * 5000 + 9000)]
        minutes = np.sort(rng.integers(0, 9, 30_000)) * MINUTE
        who = rng.integers(0, len(names), 30_000)
        part = Sources()
        part.add_many(key, minutes, Clients(names), who)
        true.update(zip(minutes.tolist(), [names[each] for each in who.tolist()], strict=True))
        joined.merge(pickle.loads(pickle.dumps(part)))  # noqa: S301
    of_cell = {cell: Counter() for cell in cells}
    for (minute, name), count in true.items():
        of_cell[cells[minute // MINUTE]][name] = count
    assert joined.heaviest > 90_000
    assert {cell: joined[cell] for cell in cells} == of_cell
    sent = pickle.loads(pickle.dumps(joined))  # noqa: S301
    assert dict(joined.items()) == dict(sent.items()) == of_cell
    assert joined.heaviest == joined.weight
