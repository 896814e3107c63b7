"""The catalogues that were agreed, and their signatures in the evidence."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tocsin.bundle import read_file
from tocsin.control import load_catalogue, shipped_text
from tocsin.engine import load_config
from tocsin.errors import ParseError
from tocsin.seal import fingerprint, signed_by

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from tocsin.control import Catalogue

__all__ = ["catalogues_of", "find_signature", "plan_files", "plan_name", "signer_of"]


def catalogues_of(config: Path) -> tuple[Catalogue, ...]:
    """Those of the configuration; without one, that of the lab. Raises ConfigError."""
    if config.exists():
        return load_config(config).catalogues
    return (load_catalogue(shipped_text("lab"), "lab"),)


def plan_name(catalogue: Catalogue) -> str:
    """Where a day keeps it."""
    return f"plan/{catalogue.sha256}.yaml"


def signer_of(catalogue: Catalogue, signature: bytes) -> str:
    """The fingerprint of the key that signed the catalogue; empty if none did."""
    try:
        return fingerprint(signed_by(signature, catalogue.text))
    except ParseError:
        return ""


def find_signature(root: Path, catalogue: Catalogue, key: str = "") -> bytes | None:
    """A good signature that any day holds, the newest first, by the key of a fingerprint or any."""
    for day in sorted(root.glob("2" + "[0-9]" * 7), reverse=True):
        path = day / f"{plan_name(catalogue)}.sig"
        try:
            found = read_file(path, 1 << 16)
        except OSError:
            continue
        signer = signer_of(catalogue, found)
        if signer and key in {"", signer}:
            return found
    return None


def plan_files(catalogues: Sequence[Catalogue], root: Path) -> dict[str, bytes]:
    """The catalogues and their signatures, for a day's folder, by name."""
    files = {plan_name(each): each.text for each in catalogues}
    for each in catalogues:
        signature = find_signature(root, each)
        if signature is not None:
            files[f"{plan_name(each)}.sig"] = signature
    return files
