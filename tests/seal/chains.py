"""Chains of sealed days to test with."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
from datetime import date, timedelta
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

import tocsin.bundle
from tocsin.bundle import Contents, attach, locked, seal_day, survey, verify_folder
from tocsin.seal import (
    Cosigner,
    Signer,
    Trust,
    chain_ledger,
    cosign,
    public_key_line,
    read_checkpoint,
)

SCRIPT = Path(tocsin.bundle.__file__).parent / "verify.sh"
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


WITNESS = Ed25519PrivateKey.from_private_bytes(hashlib.sha256(b"a witness").digest())
COSIGNER = Cosigner("witness.example", WITNESS.public_key().public_bytes_raw())


def chain(root, count, *, key=KEY, origin=ORIGIN, files=3, attached=False):
    for day in names(count):
        fill(root, day, files)
        checkpoint = seal_day(root, day, key, origin, contents).checkpoint
        if attached:
            with locked(root):
                line = cosign(checkpoint, COSIGNER.name, WITNESS, 1_800_000_000)
                attach(root, day, "checkpoint.cosig", line)
    return root


def verify(root, *, signers=None, anchors=(), **more):
    return verify_folder(root, Trust(signers or (Signer(public()),), tuple(anchors), **more))


def anchor_of(root):
    return read_checkpoint((root / survey(root).days[-1] / "checkpoint").read_bytes())


def allowed_signers(path, key=KEY, principal=ORIGIN):
    path.write_text(f'{principal} namespaces="tocsin-evidence" {public_key_line(public(key))}\n')
    return path


def run_script(root, signers, anchor="", under=("sh",), more=(), **environment):
    """The script as the package has it, called in the evidence folder."""
    arguments = [str(signers), *([str(anchor)] if anchor else []), *map(str, more)]
    return subprocess.run(
        [*under, str(SCRIPT), *arguments], capture_output=True, text=True, timeout=300,
        stdin=subprocess.DEVNULL, cwd=root, errors="replace", **environment,
    )  # fmt: skip


def full_disk(folder):
    """The environment of a script whose temporary folder takes nothing that is written down."""
    tools = folder / "tools"
    tools.mkdir()
    shim = tools / "mktemp"
    shim.write_text(
        f'#!/bin/sh\nmade=$({shutil.which("mktemp")} "$@") || exit\n'
        'for name in faults end; do ln -s /dev/full "$made/$name"; done\necho "$made"\n'
    )
    shim.chmod(0o755)
    return {**os.environ, "PATH": f"{tools}:{os.environ['PATH']}"}
