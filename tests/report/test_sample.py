"""The sample, checked by an implementation of its own and by the script that lies in it."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import subprocess

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.report.days import put
from tests.seal.chains import allowed_signers, anchor_of, full_disk, names
from tocsin.bundle import last_day, survey
from tocsin.cli._periods import load_period, read_day
from tocsin.errors import EvidenceError, ParseError
from tocsin.report import Chain, draw, make_sample
from tocsin.seal import inclusion_proof, is_included, leaf_hash, read_checkpoint, root_of

DAYS = names(40)


def sample(root, out, seed="7", count=3, anchor=None, to=None):
    last = last_day(root)
    manifests = {day: (root / day / "SHA256SUMS").read_bytes() for day in survey(root).days}
    chain = Chain(manifests, read_checkpoint(anchor) if anchor else last.checkpoint)
    period = load_period(root, None, to)
    files = make_sample(period, seed, count, chain, lambda day: read_day(root, day))
    for name, data in files.items():
        path = out / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    return files


def check(out, tmp_path, *anchor, env=None):
    signers = allowed_signers(tmp_path / "allowed")
    return subprocess.run(
        ["sh", "check.sh", str(signers), *map(str, anchor)], cwd=out, capture_output=True,
        text=True, timeout=60, env=env,
    )  # fmt: skip


@given(st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=30),
       st.integers(1, 45))  # fmt: skip
def test_the_draw_is_what_its_description_says(seed, count):
    hashes = {}
    for day in DAYS:
        hashes[hashlib.sha256(seed.encode() + b"\n" + day.encode("ascii")).hexdigest()] = day
    expected = sorted(hashes[each] for each in sorted(hashes)[:count])
    assert list(draw(seed, DAYS, count)) == expected


def test_every_day_is_drawn_about_as_often_as_any_other():
    drawn = [day for n in range(4000) for day in draw(f"seed {n}", DAYS, 10)]
    counts = [drawn.count(day) for day in DAYS]
    # Expected 1,000 each, standard deviation about 27.
    assert 860 < min(counts) <= max(counts) < 1140


@pytest.mark.parametrize("seed", ["", "a\nb", "ä", "x" * 201])
def test_a_seed_that_a_shell_would_read_otherwise_is_refused(seed):
    with pytest.raises(ParseError):
        draw(seed, DAYS, 1)


def included(leaf, index, size, proof, root):
    """RFC 9162 section 2.1.3.2, which looks at positions and not at the sides we write."""
    fn, sn, r = index, size - 1, leaf
    for p in proof:
        if sn == 0:
            return False
        if fn & 1 or fn == sn:
            r = hashlib.sha256(b"\1" + p + r).digest()
            while fn and not fn & 1:
                fn, sn = fn >> 1, sn >> 1
        else:
            r = hashlib.sha256(b"\1" + r + p).digest()
        fn, sn = fn >> 1, sn >> 1
    return sn == 0 and r == root


@given(st.integers(1, 70), st.data())
def test_a_proof_leads_to_the_root_and_no_other_one_does(size, data):
    index = data.draw(st.integers(0, size - 1))
    leaves = [leaf_hash(f"{n}", b"") for n in range(size)]
    proof, root = inclusion_proof(leaves, index), root_of(leaves)
    assert is_included(leaves[index], proof, root)
    assert included(leaves[index], index, size, [h for _, h in proof], root)
    other = leaf_hash("other", b"")
    assert not is_included(other, proof, root)
    if size > 1:
        flip = [("left" if proof[0][0] == "right" else "right", proof[0][1]), *proof[1:]]
        assert not is_included(leaves[index], flip, root)


def test_the_sample_is_verifiable_alone(tmp_path):
    root = put(tmp_path / "evidence", 9)
    out = tmp_path / "sample"
    files = sample(root, out, "auditor's seed 7", 4)
    done = check(out, tmp_path)
    assert done.returncode == 5, done.stdout + done.stderr
    assert "4 of 4 days drawn of 9" in done.stdout
    anchor = tmp_path / "anchor"
    anchor.write_bytes(anchor_of(root).text)
    assert check(out, tmp_path, anchor).returncode == 0
    rows = list(csv.DictReader(io.StringIO(files["population.csv"].decode())))
    assert [row["day"] for row in rows] == names(9)
    drawn = json.loads(files["sample.json"])["drawn"]
    assert [d["day"] for d in drawn] == [r["day"] for r in rows if r["drawn"] == "yes"]
    assert files == sample(root, tmp_path / "again", "auditor's seed 7", 4)


def test_proofs_lead_to_the_anchor_that_the_auditor_kept(tmp_path):
    root = put(tmp_path / "evidence", 5)
    kept = anchor_of(root).text
    put(root, 8)
    out = tmp_path / "sample"
    sample(root, out, count=2, anchor=kept, to=names(5)[-1])
    (tmp_path / "anchor").write_bytes(kept)
    done = check(out, tmp_path, tmp_path / "anchor")
    assert done.returncode == 0, done.stdout
    with pytest.raises(ParseError, match="is not among them"):
        sample(root, tmp_path / "more", count=8, anchor=kept)
    forged = kept.replace(b"\n5\n", b"\n6\n")
    with pytest.raises(EvidenceError, match="not those of the checkpoint"):
        sample(root, tmp_path / "forged", anchor=forged)


def test_a_day_that_was_never_sealed_can_be_drawn_and_is_told(tmp_path):
    root = put(tmp_path / "evidence", 3)
    out = tmp_path / "sample"
    sample(root, out, count=5, to=names(5)[-1])
    done = check(out, tmp_path)
    assert done.returncode == 5, done.stdout
    assert f"NOT SEALED: {names(5)[3]} {names(5)[4]}; each is an exception" in done.stdout


def alter(path):
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


@pytest.mark.parametrize(
    "attack",
    [
        lambda out, day: alter(out / day / "alpha.json"),
        lambda out, day: alter(out / day / "SHA256SUMS"),
        lambda out, day: alter(out / day / "SHA256SUMS.sig"),
        lambda out, day: alter(out / "proofs" / day),
        lambda out, day: alter(out / "checkpoint"),
        lambda out, day: (out / "drawn").write_text("".join(f"{d}\n" for d in names(3))),
        lambda out, day: (out / "seed").write_text("another\n"),
        lambda out, day: (out / day / "more.json").write_text("{}"),
        lambda out, day: (out / day / "alpha.json").unlink(),
        lambda out, day: (out / "proofs" / day).unlink(),
        lambda out, day: (out / day / "link").symlink_to("/etc/passwd"),
        lambda out, day: (out / "population.csv").write_text(
            "\n".join((out / "population.csv").read_text().splitlines()[:6]) + "\n"
        ),
    ],
)
def test_what_is_altered_is_found(attack, tmp_path):
    root = put(tmp_path / "evidence", 9)
    out = tmp_path / "sample"
    files = sample(root, out, "12", 4)
    attack(out, files["drawn"].decode().split()[0])
    anchor = tmp_path / "anchor"
    anchor.write_bytes(anchor_of(root).text)
    done = check(out, tmp_path, anchor)
    assert done.returncode == 1, done.stdout + done.stderr
    assert "FAULT" in done.stdout


def test_a_full_disk_does_not_look_like_a_sample_without_a_fault(tmp_path):
    root = put(tmp_path / "evidence", 9)
    out = tmp_path / "sample"
    files = sample(root, out, "12", 4)
    alter(out / files["drawn"].decode().split()[0] / "alpha.json")
    done = check(out, tmp_path, env=full_disk(tmp_path))
    assert (done.returncode, "nothing was checked" in done.stderr) == (2, True), done.stdout
