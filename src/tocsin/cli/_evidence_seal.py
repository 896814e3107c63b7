"""`tocsin evidence seal`."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import click

from tocsin.bundle import seal_day, survey
from tocsin.cli._evidence_key import key_option, key_path, load_key, name_of
from tocsin.cli._openings import commit_option, keep_openings, make_commitments
from tocsin.cli._output import format_option, write_json
from tocsin.cli._sealing import Sources, contents_of
from tocsin.control import utc
from tocsin.custody import log_path
from tocsin.durations import DAY
from tocsin.engine import load_config
from tocsin.errors import EvidenceError, ParseError
from tocsin.printable import printable
from tocsin.seal import day_after, fingerprint, is_day

if TYPE_CHECKING:
    from tocsin.bundle import Contents, Open, Sealed

__all__ = ["config_option", "evidence_folder", "seal"]

_MOST_DAYS = 400

config_option = click.option(
    "--config", type=Path, default=Path("tocsin.yaml"), show_default=True,
    help="Where the defaults come from, if it is there.",
)  # fmt: skip


def evidence_folder(folder: Path | None, config: Path) -> Path:
    """What the command line leaves open is in the configuration, if there is one."""
    if folder is None and config.exists():
        return load_config(config).evidence_folder
    return folder or Path("evidence")


@click.command()
@click.argument("day")
@key_option
@click.option("--folder", type=Path, help="Where the days are.  [default: evidence]")
@config_option
@click.option("--early", is_flag=True, help="Seal a day that is not over; what comes after is"
              " a late record of the next day.")  # fmt: skip
@commit_option
@format_option
def seal(
    day: str, key_file: Path | None, folder: Path | None, config: Path, early: bool,
    labels: tuple[str, ...], form: str,
) -> None:  # fmt: skip
    """Seal DAY, and every unsealed day between it and the last sealed one.

    DAY is YYYY-MM-DD or YYYYMMDD, of UTC. The day's records, the answers in them, the rules that
    were in force and the day's part of the ledger are put together, listed in SHA256SUMS,
    signed, and chained to the day before. A sealed day never changes again.
    """
    now = time.time_ns() // 1000
    name = _name_of_day(day, now, early=early)
    key_file = key_path(key_file, config)
    signing = load_key(key_file)
    origin = name_of(key_file)
    root = evidence_folder(folder, config)
    commitments = make_commitments(root, labels)
    sources = Sources(
        config, now, fingerprint(signing.public_key().public_bytes_raw()), commitments, root
    )

    told: dict[str, str] = {}

    def contents(opened: Open) -> Contents:
        made = contents_of(opened, sources)
        keep_openings(root, opened.day, commitments)
        left_out = made.facts["custody"].get("left_out")
        if left_out:
            told[opened.day] = left_out
        return made

    done = [seal_day(root, each, signing, origin, contents) for each in _days(root, name)]
    for sealed_day, left_out in told.items():
        click.echo(
            f"warning: {sealed_day} is sealed without a part of the custody log: {left_out}\n"
            f"hint: who wrote so much? All of it is in {log_path(root)}; begin a new log with the"
            " lines that are yours",
            err=True,
        )
    if form == "json":
        write_json([_as_data(each) for each in done])
        return
    for each in done:
        click.echo(f"sealed  {each.path}  {each.files} files")
    click.echo(
        "\nhint: keep the head of the chain where nobody can change it: `tocsin evidence anchor`",
        err=True,
    )


def _name_of_day(text: str, now: int, *, early: bool) -> str:
    name = text.replace("-", "")
    if not is_day(name) or text not in {name, f"{name[:4]}-{name[4:6]}-{name[6:]}"}:
        raise ParseError(f"not a day: {printable(text, 40)}", hint="write YYYY-MM-DD")
    end = end_of(name)
    if end - DAY > now:
        raise ParseError(f"{text} has not begun in UTC", hint="days are sealed when they are over")
    if end > now and not early:
        raise EvidenceError(
            f"{text} is not over; it ends at {utc(end)}",
            hint="seal it then, or with --early now",
        )
    return name


def end_of(day: str) -> int:
    """Midnight after the day, in microseconds since 1970 UTC."""
    start = datetime.strptime(day, "%Y%m%d").replace(tzinfo=UTC)
    return round((start + timedelta(days=1)).timestamp()) * 1_000_000


def _days(root: Path, day: str) -> list[str]:
    """The days to seal; `day` itself where it can't follow, for the error that tells why."""
    sealed = survey(root).days if root.exists() else ()
    if not sealed or day <= sealed[-1]:
        return [day]
    days = [day_after(sealed[-1])]
    while days[-1] < day:
        days.append(day_after(days[-1]))
        if len(days) > _MOST_DAYS:
            raise EvidenceError(f"more than {_MOST_DAYS} days lie between {sealed[-1]} and {day}",
                                hint="seal an earlier day first")  # fmt: skip
    return days


def _as_data(sealed: Sealed) -> dict[str, object]:
    return {
        "folder": str(sealed.path), "files": sealed.files, "number": sealed.checkpoint.size,
        "origin": sealed.checkpoint.origin, "root": sealed.checkpoint.root.hex(),
    }  # fmt: skip
