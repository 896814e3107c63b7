"""`tocsin witness`."""

from __future__ import annotations

import time
from pathlib import Path

import click

from tocsin.cli._evidence_key import key_option, load_key, name_of
from tocsin.errors import ParseError, StoreError
from tocsin.seal import Cosigner, read_allowed_signers

__all__ = ["witness"]


@click.command()
@key_option
@click.option("--allowed-signers", "signers_file", type=Path, required=True,
              help="Whose checkpoints to cosign, OpenSSH's file.")  # fmt: skip
@click.option("--folder", type=Path, default=Path("witness"), show_default=True,
              help="Where to remember what was cosigned.")  # fmt: skip
@click.option("--listen", default="127.0.0.1:9465", show_default=True, help="Address, host:port.")
def witness(key_file: Path | None, signers_file: Path, folder: Path, listen: str) -> None:
    """Cosign the checkpoints of somebody else's evidence.

    For a department that does not run the detector, such as internal audit. A checkpoint is
    cosigned only if it continues the last one: whoever rewrites the past gets no cosignature.
    Prints the key by which `tocsin evidence verify --witness-key` knows this witness.
    """
    import uvicorn  # noqa: PLC0415 - late, so that other commands start fast

    from tocsin.witness import Witness, make_witness  # noqa: PLC0415 - the same

    host, _, port = listen.rpartition(":")
    if not host or not port.isdigit() or int(port) > 65535:
        raise ParseError("--listen must be host:port")
    try:
        signers = read_allowed_signers(signers_file.read_bytes(), str(signers_file))
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StoreError(f"can't use {error.filename}: {error.strerror}") from None
    key_file = key_file or Path("evidence.key")
    key, name = load_key(key_file), name_of(key_file)
    click.echo(Cosigner(name, key.public_key().public_bytes_raw()).vkey)
    service = Witness(name, key, signers, folder, lambda: time.time_ns() // 1000)
    uvicorn.run(make_witness(service), host=host.strip("[]"), port=int(port), log_level="warning")
