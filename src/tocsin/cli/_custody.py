"""Writing down what is handed out; a log that can't be written stops nobody."""

from __future__ import annotations

import hashlib
import time
from typing import TYPE_CHECKING

import click

from tocsin.cli._output import moment
from tocsin.cli._secrets import make_redactor
from tocsin.custody import principal, write_line
from tocsin.errors import StoreError
from tocsin.seal import spans

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

__all__ = ["cleaned", "hand_out", "hash_of_files", "now_to_the_second"]


def now_to_the_second() -> str:
    return moment(time.time_ns() // 1000)


def cleaned(config: Path, text: str) -> str:
    """What a person wrote, without secrets that the configuration or the environment holds."""
    data = make_redactor(config).clean(text.encode("utf-8", "backslashreplace"))
    return data.decode(errors="replace")


def hand_out(
    root: Path, command: str, days: Iterable[str], output: Mapping[str, str], **more: str
) -> None:
    """Write down who took what out of `root`, before it is written or printed.

    `output` is SHA-256 by name. Where the log can't be written, standard error says so.
    """
    line = {
        **more, "by": principal(), "command": f"evidence {command}", "days": spans(days),
        "output": dict(output), "time": now_to_the_second(),
    }  # fmt: skip
    try:
        write_line(root, line)
    except StoreError as error:
        click.echo(f"not written down in the custody log: {error.what}", err=True)


def hash_of_files(files: Mapping[str, str]) -> str:
    """Of what `sha256sum` says of the files, `HASH  NAME` a line, sorted by name."""
    lines = "".join(f"{files[name]}  {name}\n" for name in sorted(files))
    return hashlib.sha256(lines.encode()).hexdigest()
