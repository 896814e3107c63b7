"""The ledger over several days: its numbers go on, and what breaks that is told."""

from __future__ import annotations

import json
from hashlib import sha256

import pytest
from tests.seal.chains import KEY, ORIGIN, names, verify

from tocsin.bundle import Contents, seal_day
from tocsin.seal import LedgerEnd, chain_ledger


def sealed(root, *days):
    """Seal days with these entry numbers; a text instead is why the ledger began anew."""
    for day, numbers in zip(names(len(days)), days, strict=True):
        why = numbers[0] if numbers and isinstance(numbers[0], str) else ""
        entries = [(n, n * 10, "gap", {}) for n in numbers if not isinstance(n, str)]

        def contents(opened, why=why, entries=entries):
            begin = LedgerEnd(0, opened.ledger.sha256) if why else opened.ledger
            text, end = chain_ledger(entries, begin)
            return Contents(text, end, why)

        seal_day(root, day, KEY, ORIGIN, contents)
    return verify(root)


def test_days_follow_each_other(tmp_path):
    verdict = sealed(tmp_path, [1, 2], [], [3], [4, 5])
    assert verdict.faults == []
    assert verdict.notes == []


@pytest.mark.parametrize("days", [([1, 2], [5]), ([1, 2], [3, 6]), ([3],)])
def test_missing_entries_are_told_and_are_no_alteration(tmp_path, days):
    verdict = sealed(tmp_path, *days)
    assert verdict.faults == []
    (note,) = verdict.notes
    assert "the ledger was sealed without entr" in note


def test_a_ledger_that_began_anew_is_told(tmp_path):
    verdict = sealed(tmp_path, [1, 2], ["the state was damaged", 1], [2])
    assert verdict.faults == []
    assert verdict.notes == ["20261128: the ledger begins anew: the state was damaged"]


def forged(lines, end):
    """A signed day with a ledger that sealing would not write."""
    return lambda _opened: Contents(lines, end)


@pytest.mark.parametrize(
    "change",
    [
        lambda lines: lines[1:], lambda lines: lines[:-1], lambda lines: [lines[1], lines[0], lines[2]],
        lambda lines: [*lines, lines[-1]], lambda lines: [], lambda lines: [b"{}\n", *lines],
        lambda lines: [lines[0].replace(b"gap", b"gup"), *lines[1:]], lambda lines: [*lines, b"\n"],
        lambda lines: [*lines, b"cut"],
    ],
)  # fmt: skip
def test_a_ledger_that_does_not_hold_is_a_fault_even_if_signed(tmp_path, change):
    text, end = chain_ledger([(n, n, "gap", {}) for n in (1, 2, 3)], LedgerEnd())
    lines = change(text.splitlines(keepends=True))
    seal_day(tmp_path, names(1)[0], KEY, ORIGIN, forged(b"".join(lines), end))
    (fault, *_) = verify(tmp_path).faults
    assert fault.file == "ledger.jsonl"


@pytest.mark.parametrize(
    "name", ["day", "number", "origin", "schema", "ledger", "previous"],
)  # fmt: skip
def test_day_json_must_say_what_is_so(tmp_path, name):
    """Listed and signed by the holder of the key, but not true."""
    sealed(tmp_path, [1], [2])
    folder = tmp_path / names(2)[1]
    value = json.loads((folder / "day.json").read_text())
    value[name] = {"day": "20261129", "number": 3, "origin": "x", "schema": "tocsin-day/9",
                   "ledger": {"last": 9, "sha256": "0" * 64}, "previous": None}[name]  # fmt: skip
    before = (folder / "day.json").read_bytes()
    text = json.dumps(value).encode()
    for path, old, new in (
        ("day.json", before, text),
        ("SHA256SUMS", sha256(before).hexdigest().encode(), sha256(text).hexdigest().encode()),
    ):
        (folder / path).chmod(0o644)
        (folder / path).write_bytes((folder / path).read_bytes().replace(old, new))
    faults = {(fault.file, fault.what) for fault in verify(tmp_path).faults}
    assert not any("altered" in what for _, what in faults)
    assert any(file in {"day.json", "ledger.jsonl"} for file, _ in faults)
