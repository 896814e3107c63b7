"""An auditor's sample: the population, days drawn with the auditor's seed, and proofs.

The draw: for each day of the population, `YYYYMMDD`, take the SHA-256 of the seed, a line feed
and the day; the n days with the smallest hashes, in hex as text, are drawn. So anybody can draw
again, and a larger sample holds the smaller one.
"""

from __future__ import annotations

import csv
import hashlib
import io
import json
from dataclasses import dataclass
from importlib.resources import files as package_files
from typing import TYPE_CHECKING

from tocsin.errors import EvidenceError, ParseError
from tocsin.seal import ATTACHED, HEAD, MANIFEST, SIGNATURE, inclusion_proof, leaf_hash, root_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from tocsin.report._period import Period
    from tocsin.seal import Checkpoint

__all__ = ["Chain", "draw", "make_sample"]

_MOST_SEED = 200


@dataclass(frozen=True, slots=True)
class Chain:
    """All sealed days, and the checkpoint that the proofs lead to."""

    manifests: Mapping[str, bytes]
    """SHA256SUMS by day, in order."""
    checkpoint: Checkpoint
    """Of the last day, or the one that an auditor kept."""


def draw(seed: str, days: Sequence[str], count: int) -> tuple[str, ...]:
    """The days drawn, in order of the calendar. Raises ParseError for a seed that is none."""
    if not seed or len(seed) > _MOST_SEED or not seed.isascii() or not seed.isprintable():
        raise ParseError(
            "the seed must be 1 to 200 printable ASCII characters",
            hint="the auditor chooses it after the period is over",
        )
    ranked = sorted(days, key=lambda day: rank(seed, day))
    return tuple(sorted(ranked[:count]))


def rank(seed: str, day: str) -> str:
    return hashlib.sha256(f"{seed}\n{day}".encode()).hexdigest()


def make_sample(
    period: Period, seed: str, count: int, chain: Chain,
    read: Callable[[str], Mapping[str, bytes]],
) -> dict[str, bytes]:  # fmt: skip
    """Every file of the sample by name. `read` gives all files of a sealed day.

    Raises EvidenceError where the chain is not the one of the checkpoint, ParseError where it
    does not hold a day.
    """
    drawn = draw(seed, period.days, count)
    days = list(chain.manifests)[: chain.checkpoint.size]
    leaves = [leaf_hash(day, chain.manifests[day]) for day in days]
    if len(leaves) != chain.checkpoint.size or root_of(leaves) != chain.checkpoint.root:
        raise EvidenceError("the days here are not those of the checkpoint",
                            hint="`tocsin evidence verify --anchor`")  # fmt: skip
    files: dict[str, bytes] = {"checkpoint": chain.checkpoint.text, **_shipped()}
    proofs = {}
    for day in drawn:
        if day not in chain.manifests:
            continue
        if day not in days:
            raise ParseError(f"the anchor knows {len(days)} days, and {day} is not among them",
                             hint="leave --anchor out, or take a later one")  # fmt: skip
        index = days.index(day)
        proofs[day] = inclusion_proof(leaves, index)
        lines = "".join(f"{side} {each.hex()}\n" for side, each in proofs[day])
        files[f"proofs/{day}"] = lines.encode()
        files.update((f"{day}/{name}", data) for name, data in read(day).items())
        before = days[index - 1] if index else ""
        if before and before not in drawn:
            # The day's manifest names how the day before ended.
            ends = (MANIFEST, SIGNATURE, HEAD, *ATTACHED)
            kept = read(before)
            files.update((f"{before}/{name}", kept[name]) for name in ends if name in kept)
    files["population.csv"] = _population(period, seed, drawn, chain)
    files["seed"] = f"{seed}\n".encode()
    files["drawn"] = "".join(f"{day}\n" for day in drawn).encode()
    files["sample.json"] = _json(period, seed, drawn, chain, proofs)
    return files


def _shipped() -> dict[str, bytes]:
    here = package_files("tocsin.report")
    return {
        name: here.joinpath(file).read_bytes()
        for name, file in (("README.txt", "sample.txt"), ("check.sh", "check.sh"))
    }


def _population(period: Period, seed: str, drawn: Sequence[str], chain: Chain) -> bytes:
    """One line a day of the calendar, sealed or not."""
    text = io.StringIO()
    rows = csv.writer(text, lineterminator="\n")
    controls = [control.id for control in period.controls]
    removed = {head.day for head in period.heads if head.removed}
    rows.writerow(["day", "sealed", "drawn", "rank", "manifest_sha256", *controls])
    for day in period.days:
        manifest = chain.manifests.get(day)
        rows.writerow(
            [
                day, "no" if manifest is None else "removed" if day in removed else "yes",
                "yes" if day in drawn else "no",
                rank(seed, day),
                "" if manifest is None else hashlib.sha256(manifest).hexdigest(),
                *(period.cells[control, day].state for control in controls),
            ]
        )  # fmt: skip
    return text.getvalue().encode()


def _json(
    period: Period, seed: str, drawn: Sequence[str], chain: Chain,
    proofs: Mapping[str, Sequence[tuple[str, bytes]]],
) -> bytes:  # fmt: skip
    value = {
        "schema": "tocsin-sample/1",
        "seed": seed, "from": period.first, "to": period.last, "population": len(period.days),
        "draw": "the smallest SHA-256 of seed, line feed, day YYYYMMDD",
        "checkpoint": {
            "origin": chain.checkpoint.origin, "days": chain.checkpoint.size,
            "root": chain.checkpoint.root.hex(),
        },
        "drawn": [
            {
                "day": day, "sealed": day in chain.manifests,
                "states": {c.id: period.cells[c.id, day].state for c in period.controls},
                "proof": [{"side": s, "sha256": h.hex()} for s, h in proofs.get(day, ())],
            }
            for day in drawn
        ],
    }  # fmt: skip
    return f"{json.dumps(value, sort_keys=True, indent=2)}\n".encode()
