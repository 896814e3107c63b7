"""`tocsin evidence reperform`."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING

import click

from tocsin.bundle import open_files, read_file, survey
from tocsin.cli._custody import hand_out
from tocsin.cli._evidence_seal import config_option, evidence_folder
from tocsin.cli._exit import ExitCode
from tocsin.cli._output import as_json, format_option
from tocsin.cli._periods import read_some
from tocsin.cli._referee import Referee
from tocsin.errors import EvidenceError, ParseError, StoreError
from tocsin.evidence import LATE, LEDGER, Reperformer
from tocsin.printable import printable
from tocsin.report import read_day_files, wanted
from tocsin.seal import TOMBSTONE, is_day

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tocsin.evidence import Reperformed

__all__ = ["reperform"]


@click.command()
@click.argument("day")
@click.option("--folder", type=Path, help="Where the days are.  [default: evidence]")
@click.option("--prometheus", "referee", is_flag=True, help="Compute every query in a Prometheus"
              " of yours too; needs `prometheus` and `promtool`.")  # fmt: skip
@config_option
@format_option
def reperform(day: str, folder: Path | None, referee: bool, config: Path, form: str) -> int:
    """Compute every verdict of DAY anew from its folder alone, and compare.

    Queries are evaluated over the samples that lie beside the records, the ledger's answers are
    compared with the sealed ledger, all other answers are read again. Then each control is judged
    by the catalogue in the folder. Records that came late, of earlier days, lie in DAY too and are
    taken with it. `tocsin evidence verify` says whether the folder is what was sealed.
    """
    root = evidence_folder(folder, config)
    _refuse_removed(root, day.replace("-", ""))
    records: list[Reperformed] = []
    judged: dict[str, list[str]] = {}
    for place, files in _parts(root, day.replace("-", "")).items():
        work = Reperformer(files, place)
        found = work.records()
        records += found
        if referee and found:
            judged |= Referee.judge(work, found)
    if not records:
        raise EvidenceError(f"no record in {root / day}", hint="DAY is YYYYMMDD or YYYY-MM-DD")
    if form == "json":
        text = as_json([_as_data(each, judged.get(each.file)) for each in records])
    else:
        told = (_lines(each, judged.get(each.file)) for each in records)
        text = "\n".join(line for lines in told for line in lines)
    digest = hashlib.sha256(f"{text}\n".encode("utf-8", "backslashreplace")).hexdigest()
    hand_out(root, "reperform", [day.replace("-", "")], {"stdout": digest})
    click.echo(text)
    wrong = any(not each.equal for each in records) or any(map(any, judged.values()))
    return ExitCode.FAILED if wrong else ExitCode.OK


def _refuse_removed(root: Path, day: str) -> None:
    """Raises EvidenceError where the day's files were removed under the retention policy."""
    if is_day(day) and (root / day / TOMBSTONE).exists():
        removed = read_day_files(day, read_some(root, day, wanted)).removed
        raise EvidenceError(f"{day}: {removed}", hint="nothing is left to compute from")


def _parts(root: Path, day: str) -> dict[str, dict[str, bytes]]:
    """The day's files by name, and beside them those of each earlier day that came late with it.

    A late record is held against the ledger of its own day, which for one that was sealed early
    goes on in the days after.
    """
    folder = root / day
    if not folder.is_dir() or folder.is_symlink():
        raise ParseError(f"no such day: {folder}", hint="DAY is YYYYMMDD or YYYY-MM-DD")
    parts: dict[str, dict[str, bytes]] = {"": {}}
    try:
        for name in open_files(folder):
            if name.endswith(".tmp") or name.startswith(("raw/", "rules/")):
                continue
            above, of, rest = name.split("/", 2) if name.count("/") > 1 else ("", "", name)
            place, own = (f"{LATE}/{of}/", rest) if above == LATE else ("", name)
            parts.setdefault(place, {})[own] = read_file(folder / name)
        for place, files in parts.items():
            if place:
                files[LEDGER] = _ledger(root, place.split("/")[1], day)
    except OSError as error:
        raise StoreError(f"can't read {folder}: {error.strerror}") from None
    return parts


def _ledger(root: Path, first: str, last: str) -> bytes:
    days = [day for day in survey(root).days if first <= day <= last]
    for day in days:
        _refuse_removed(root, day)
    return b"".join(read_file(root / day / LEDGER) for day in days)


def _lines(each: Reperformed, judged: list[str] | None) -> Iterator[str]:
    counts = ", ".join(
        f"{count} {word}"
        for word in ("computed", "compared", "read")
        if (count := sum(one.how.startswith(word) for one in each.inputs))
    )
    word = "equal  " if each.equal else "DIFFERS"
    yield f"{word}  {printable(each.file)}  {each.state or 'no verdict'}  inputs: {counts}"
    for text in each.wrong:
        yield f"         {printable(text, 300)}"
    for one in each.inputs:
        if one.wrong:
            yield f"         {printable(one.name)}: {printable(one.wrong, 300)}"
    if judged is not None:
        bad = [text for text in judged if text]
        yield f"         Prometheus: {len(judged) - len(bad)} of {len(judged)} queries equal"
        for text in bad:
            yield f"         Prometheus: {printable(text, 300)}"


def _as_data(each: Reperformed, judged: list[str] | None) -> dict[str, object]:
    found: dict[str, object] = {
        "file": each.file, "control": each.control, "equal": each.equal,
        "recorded": each.recorded, "state": each.state, "wrong": each.wrong,
        "inputs": [{"name": one.name, "how": one.how, "wrong": one.wrong} for one in each.inputs],
    }  # fmt: skip
    if judged is not None:
        found["prometheus"] = {
            "queries": len(judged), "wrong": [text for text in judged if text],
        }  # fmt: skip
    return found
