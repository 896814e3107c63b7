"""A chain whose key was replaced, and one whose old key was stolen afterwards."""

from __future__ import annotations

from itertools import pairwise

import pytest
from tests.seal.chains import KEY, ORIGIN, OTHER, contents, names, public, run_script, verify

from tocsin.bundle import seal_day
from tocsin.seal import fingerprint, public_key_line, read_allowed_signers

DAYS = names(4)
"""27 to 30 November 2026."""


def sealed(root, keys):
    for day, key in zip(DAYS, keys, strict=True):
        seal_day(root, day, key, ORIGIN, contents)
    return root


@pytest.mark.parametrize(
    ("keys", "holds"),
    [
        ((KEY, KEY, OTHER, OTHER), True),
        ((KEY, KEY, OTHER, KEY), False),
        ((KEY, OTHER, OTHER, OTHER), False),
    ],
)
def test_each_key_counts_in_its_time_only(tmp_path, keys, holds):
    root = sealed(tmp_path / "evidence", keys)
    text = (
        f'{ORIGIN} valid-before="20261128235959Z" {public_key_line(public())}\n'
        f'{ORIGIN} valid-after="20261129Z" {public_key_line(public(OTHER))}\n'
    )
    (tmp_path / "signers").write_text(text)
    verdict = verify(root, signers=read_allowed_signers(text.encode(), "signers"))
    assert verdict.holds is holds
    changed = [day for day, (a, b) in zip(DAYS[1:], pairwise(keys), strict=True) if a != b]
    told = [note.split(", ")[1] for note in verdict.notes]
    assert [note[:8] for note in verdict.notes] == changed
    assert told == [fingerprint(public(keys[DAYS.index(day)])) for day in changed]
    assert run_script(root, tmp_path / "signers").returncode == (5 if holds else 1)
