"""A year of evidence, 365 days of 40 files of 4 KiB: the command and verify.sh, beside sha256sum."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
import time
from datetime import date, timedelta
from importlib.resources import files as package_files
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from tocsin.seal import (
    HEAD,
    MANIFEST,
    NAMESPACE,
    SIGNATURE,
    Checkpoint,
    DayFacts,
    Frontier,
    LedgerEnd,
    Manifest,
    chain_ledger,
    day_text,
    leaf_hash,
    public_key_line,
    sign,
    sign_checkpoint,
    write_manifest,
)

DAYS, FILES, SIZE = 365, 40, 4096
BARS = {"verify": 4.0, "verify.sh": 15.0}
_ORIGIN = "evidence@example.org"
_ENDS = (MANIFEST, SIGNATURE, HEAD)


def year(root: Path, key: Ed25519PrivateKey) -> bytes:
    """Write the year as sealing would, but without waiting for the disk; the last checkpoint."""
    here = package_files("tocsin.bundle")
    shipped = {name: here.joinpath(name).read_bytes() for name in ("README.txt", "verify.sh")}
    tree, end, before, hashes = Frontier(), LedgerEnd(), "", {}
    checkpoint = Checkpoint(_ORIGIN, 0, tree.root)
    for number in range(DAYS):
        day = f"{date(2026, 1, 1) + timedelta(days=number):%Y%m%d}"
        entries = [
            (end.seq + n, n, "transition", {"rule": "R", "state": "firing"}) for n in range(1, 21)
        ]
        ledger, end = chain_ledger(entries, end)
        files = {**shipped, "ledger.jsonl": ledger}
        facts = DayFacts(day, number + 1, _ORIGIN, before, hashes.get(MANIFEST, ""), end)
        files["day.json"] = day_text(facts, {})
        for each in range(FILES - len(files) - len(_ENDS)):
            files[f"raw/{each:064x}"] = os.urandom(SIZE)
        sums = {name: hashlib.sha256(data).hexdigest() for name, data in files.items()}
        manifest = write_manifest(Manifest(sums, before, hashes))
        tree.add(leaf_hash(day, manifest))
        checkpoint = Checkpoint(_ORIGIN, tree.size, tree.root)
        ends = {MANIFEST: manifest, SIGNATURE: sign(manifest, key),
                HEAD: sign_checkpoint(checkpoint, key)}  # fmt: skip
        (root / day / "raw").mkdir(parents=True)
        for name, data in (files | ends).items():
            (root / day / name).write_bytes(data)
        before, hashes = (
            day,
            {name: hashlib.sha256(data).hexdigest() for name, data in ends.items()},
        )
    return checkpoint.text


def measure() -> dict[str, float]:
    """Seconds of each, the best of three runs."""
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        key = Ed25519PrivateKey.generate()
        (home / "anchor").write_bytes(year(home / "evidence", key))
        line = public_key_line(key.public_key().public_bytes_raw())
        (home / "allowed_signers").write_text(f'{_ORIGIN} namespaces="{NAMESPACE}" {line}\n')
        script = home / "verify.sh"
        shutil.copy(next((home / "evidence").glob("*/verify.sh")), script)
        command = [sys.executable, "-m", "tocsin.cli", "evidence", "verify", home / "evidence",
                   "--allowed-signers", home / "allowed_signers", "--anchor", home / "anchor"]  # fmt: skip
        floor = 'find . -type f -print0 | xargs -0 sha256sum >"$0"'
        return {
            "verify": best(command, home),
            "verify.sh": best(
                ["sh", script, home / "allowed_signers", home / "anchor"], home / "evidence"
            ),
            "sha256sum": best(["sh", "-c", floor, home / "sums"], home / "evidence"),
        }


def best(command: list[str | Path], folder: Path) -> float:
    times = []
    for _ in range(3):
        start = time.perf_counter()
        subprocess.run(command, cwd=folder, check=True, stdout=subprocess.DEVNULL)
        times.append(time.perf_counter() - start)
    return min(times)


def main() -> int:
    """Print the rows; 1 where one is over its bar."""
    found = measure()
    for name, bar in BARS.items():
        ratio = found[name] / found["sha256sum"]
        print(f"evidence: {name:10} {DAYS} days x {FILES} files {found[name]:6.2f} s  "
              f"(sha256sum alone: {found['sha256sum']:.2f} s, {ratio:.1f} times; bar: {bar:.0f} s)")  # fmt: skip
    return int(any(found[name] > bar for name, bar in BARS.items()))


if __name__ == "__main__":
    sys.exit(main())
