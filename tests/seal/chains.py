"""Chains of sealed days to test with."""

from __future__ import annotations

import hashlib
import json
import subprocess
from datetime import date, timedelta

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from tocsin.bundle import Contents, read_day_folder, seal_day, survey
from tocsin.seal import Signer, Trust, Verifier, chain_ledger, public_key_line, read_checkpoint

ORIGIN = "evidence@example.org"
KEY = Ed25519PrivateKey.from_private_bytes(hashlib.sha256(b"a key for tests").digest())
OTHER = Ed25519PrivateKey.from_private_bytes(hashlib.sha256(b"another").digest())


def names(count, first=date(2026, 11, 27)):
    return [f"{first + timedelta(days=n):%Y%m%d}" for n in range(count)]


def public(key=KEY):
    return key.public_key().public_bytes_raw()


def contents(opened):
    day = opened.day
    entries = [(opened.ledger.seq + n, n, "gap", {"day": day, "n": n}) for n in (1, 2, 3)]
    ledger, end = chain_ledger(entries, opened.ledger)
    return Contents(ledger, end, files={f"raw/{'0' * 63}{day[-1]}": day.encode() * 3})


def fill(root, day, count=3):
    folder = root / day
    folder.mkdir(parents=True)
    for number in range(count):
        record = {"control": number, "day": day}
        (folder / f"control-{number}.json").write_text(json.dumps(record) + "\n")


def chain(root, count, *, key=KEY, origin=ORIGIN, files=3):
    for day in names(count):
        fill(root, day, files)
        seal_day(root, day, key, origin, contents)
    return root


def verify(root, *, signers=None, anchors=(), **more):
    found = survey(root)
    verifier = Verifier(Trust(signers or (Signer(public()),), tuple(anchors), **more))
    for day in found.days:
        verifier.add(read_day_folder(root, day))
    verdict = verifier.finish()
    verdict.faults[:0] = found.faults
    return verdict


def anchor_of(root):
    return read_checkpoint((root / survey(root).days[-1] / "checkpoint").read_bytes())


def allowed_signers(path, key=KEY, principal=ORIGIN):
    path.write_text(f'{principal} namespaces="tocsin-evidence" {public_key_line(public(key))}\n')
    return path


def run_script(script, signers, anchor="", shell=("sh",), more=()):
    arguments = [str(signers), *([str(anchor)] if anchor else []), *map(str, more)]
    return subprocess.run(
        [*shell, str(script), *arguments], capture_output=True, text=True, timeout=120,
        stdin=subprocess.DEVNULL,
    )  # fmt: skip
