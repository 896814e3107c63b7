"""`tocsin evidence`: ask, judge, write."""

from __future__ import annotations

import asyncio
import hashlib
import os
import socket
import sys
import time
import uuid
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

import tocsin
from tocsin.cli._clock_state import clock_state
from tocsin.cli._elsewhere import Elsewhere, elsewhere_options
from tocsin.cli._evidence_attest import attest
from tocsin.cli._evidence_copy import copy
from tocsin.cli._evidence_disposition import disposition
from tocsin.cli._evidence_hold import hold
from tocsin.cli._evidence_key import key
from tocsin.cli._evidence_open import open_
from tocsin.cli._evidence_oscal import oscal
from tocsin.cli._evidence_plan import plan
from tocsin.cli._evidence_prune import prune
from tocsin.cli._evidence_reperform import reperform
from tocsin.cli._evidence_report import report
from tocsin.cli._evidence_sample import sample
from tocsin.cli._evidence_samples import Fetched, fetch_samples
from tocsin.cli._evidence_seal import seal
from tocsin.cli._evidence_verify import anchor, verify
from tocsin.cli._exit import ExitCode
from tocsin.cli._openings import commit_option, keep_openings, make_commitments
from tocsin.cli._output import format_option, write_json
from tocsin.cli._plan import catalogues_of, plan_files
from tocsin.cli._program import program_sha256
from tocsin.cli._records import attempt_of, write_records
from tocsin.cli._sealed_days import sealed_answers
from tocsin.cli._secrets import make_redactor
from tocsin.control import DaysSealed, period_of
from tocsin.custody import run_by
from tocsin.durations import SECOND
from tocsin.engine import head_of, load_config
from tocsin.errors import ParseError
from tocsin.evidence import (
    OWN_STATUS,
    STATUS,
    Answer,
    Collector,
    Plan,
    Record,
    Request,
    SampleBook,
    SourceTold,
    build_record,
    day_folder,
    is_own,
    redacted,
    requests_of,
    source_told,
    spans_of,
)
from tocsin.printable import printable
from tocsin.remote import Address, PrometheusApi, parse_address

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from tocsin.control import Control, Period

__all__ = ["evidence"]

_DEFAULT_URL = "http://127.0.0.1:9464"
_LIMIT = 8 << 20
"""Bytes of one answer."""
_EACH = 30 * SECOND
_STATUS = 10 * SECOND
_ALL = 90 * SECOND
"""A source that answers each request slowly may not hold up a nightly job for ever."""


@click.group()
def evidence() -> None:
    """Write down what proves that the controls operated, seal it, and check it."""


@evidence.command()
@click.option("--prometheus", "url", help="Tocsin or Prometheus to ask.  [default: the"
              f" `listen` address of the configuration, or {_DEFAULT_URL}]")  # fmt: skip
@click.option("--day", help="The day in UTC, YYYY-MM-DD.  [default: today, as far as it has come]")
@click.option("--folder", type=Path, help="Where to write.  [default: evidence]")
@click.option("--config", type=Path, default=Path("tocsin.yaml"), show_default=True,
              help="Where the defaults come from, if it is there.")  # fmt: skip
@elsewhere_options
@commit_option
@format_option
def collect(
    url: str | None, day: str | None, folder: Path | None, config: Path,
    alertmanager: str | None, cloudwatch: str | None, labels: tuple[str, ...], form: str,
) -> int:  # fmt: skip
    """Ask for the day's proof of every control and write one record each.

    Writes FOLDER/YYYYMMDD/CONTROL.json; a second run of a day writes CONTROL.run2.json, so
    no record is ever replaced. Prints one line a control: its state, the file, and why.
    """
    now = _now()
    period = period_of(_day(day, now), now)
    address, folder = _defaults(url, folder, config)
    catalogues = catalogues_of(config)
    controls = [control for each in catalogues for control in each.controls]
    collector = Collector(
        "tocsin", tocsin.__version__, printable(socket.gethostname()), run_by(), os.getpid(),
        uuid.uuid4().hex, address.url, now,
        "person" if sys.stdin and sys.stdin.isatty() else "program", program_sha256(),
        clock_state(), head_of(Path(tocsin.__file__), os.environ),
        attempt_of(folder, period.day),
    )  # fmt: skip
    commitments = make_commitments(folder, labels)
    redactor = make_redactor(config, commitments)
    others = Elsewhere.of(alertmanager, cloudwatch, _now)
    asked = asyncio.run(_ask(address, others, controls, period, redactor.clean))
    answers = {r: _redacted(a, redactor.clean(a.body)) for r, a in asked.answers.items()}
    answers |= sealed_answers(controls, period, folder, _now)
    samples = asked.fetched.book.packed()
    digest = hashlib.sha256(samples).hexdigest()
    records = [
        build_record(
            control, period, answers, collector,
            Plan(each.sha256, each.version, digest, asked.fetched.lacking), asked.source,
        )
        for each in catalogues
        for control in each.controls
    ]  # fmt: skip
    keep_openings(folder, day_folder(period.day), commitments)
    beside = {f"samples/{digest}.om.gz": samples} | plan_files(catalogues, folder)
    paths = write_records(folder, period.day, records, beside)
    if form == "json":
        write_json([_as_data(r, p) for r, p in zip(records, paths, strict=True)])
    else:
        for record, path in zip(records, paths, strict=True):
            click.echo(_line(record, path))
    for request, answer in answers.items():
        if not answer.failure:
            continue
        own = not Elsewhere.meant(request)
        hint = "is `tocsin run` running? --prometheus says where" if own else "are they reachable?"
        click.echo(
            f"{address.url if own else request.path}: {answer.failure}\n\n"
            f"hint: the records say so too; {hint}",
            err=True,
        )
        return ExitCode.UNREACHABLE
    return ExitCode.OK


for command in (
    anchor, attest, copy, disposition, hold, key, open_, oscal, plan, prune, reperform, report,
    sample, seal, verify,
):  # fmt: skip
    evidence.add_command(command)


def _redacted(answer: Answer, body: bytes) -> Answer:
    return replace(answer, body=body, redacted=answer.redacted or body != answer.body)


def _now() -> int:
    return time.time_ns() // 1000


def _day(text: str | None, now: int) -> date:
    if text is None:
        return datetime.fromtimestamp(now // SECOND, UTC).date()
    try:
        return datetime.strptime(text, "%Y-%m-%d").replace(tzinfo=UTC).date()
    except ValueError:
        raise ParseError(f"not a day: {printable(text, 40)}", hint="write YYYY-MM-DD") from None


def _defaults(url: str | None, folder: Path | None, path: Path) -> tuple[Address, Path]:
    """What the command line leaves open is in the configuration, if there is one."""
    if (url is None or folder is None) and path.exists():
        config = load_config(path)
        host, port = config.listen
        # Whoever listens everywhere also listens here.
        host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104
        url = url or f"http://{f'[{host}]' if ':' in host else host}:{port}"
        folder = folder or config.evidence_folder
    return parse_address(url or _DEFAULT_URL), folder or Path("evidence")


@dataclass(frozen=True, slots=True)
class _Asked:
    """What the source said."""

    answers: Mapping[Request, Answer]
    fetched: Fetched
    source: SourceTold


async def _ask(
    address: Address, others: Elsewhere, controls: Sequence[Control], period: Period,
    clean: Callable[[bytes], bytes],
) -> _Asked:  # fmt: skip
    """One after the other: the source has other work."""
    requests = requests_of(controls, period)
    elsewhere = [request for request in requests if others.meant(request)]
    told = await others.answers(elsewhere, _now)
    callers = redacted(await others.told(elsewhere), clean)
    answers: dict[Request, Answer] = {}
    deadline = time.monotonic() + _ALL / SECOND
    async with PrometheusApi(address, _now, body_limit=_LIMIT) as api:
        for request in requests:
            if request.path == DaysSealed.path or others.meant(request):
                continue
            left = round((deadline - time.monotonic()) * SECOND)
            if left <= 0:
                now = _now()
                answers[request] = Answer(now, now, failure="not asked: the answers before took"
                                          f" {_ALL // SECOND} s")  # fmt: skip
                continue
            answers[request] = await api.get(request.path, request.params, within=min(left, _EACH))
        silent = next((a.failure for a in answers.values() if a.failure), "")
        if silent:
            lacking = SourceTold(source_told({}, clean) | {"lacking": {"all": silent}}, callers)
            return _Asked(answers | told, Fetched(SampleBook(), silent), lacking)
        source = SourceTold(await _identity(api, answers, clean) if answers else {}, callers)
        fetched = await fetch_samples(api, spans_of(controls, period), clean)
    return _Asked(answers | told, fetched, source)


async def _identity(
    api: PrometheusApi, answers: Mapping[Request, Answer], clean: Callable[[bytes], bytes]
) -> dict[str, object]:
    """What the source says of itself; the answers themselves, its configuration too, are let go."""
    said = {request.path: answer for request, answer in answers.items()}
    build = said.get(STATUS[0]) or await api.get(STATUS[0], within=_STATUS)
    found = {STATUS[0]: build}
    for path in (STATUS[1], OWN_STATUS) if is_own(build) else STATUS[1:]:
        found[path] = said.get(path) or await api.get(path, within=_STATUS)
    return source_told(found, clean)


def _line(record: Record, path: Path) -> str:
    reasons = record.verdict.reasons
    more = f" (and {len(reasons) - 2} more, see the file)" if len(reasons) > 2 else ""
    return f"{record.verdict.state:<9}  {path}  {'; '.join(reasons[:2])}{more}"


def _as_data(record: Record, path: Path) -> dict[str, object]:
    return {
        "control": record.control.id, "state": str(record.verdict.state), "file": str(path),
        "sha256": record.sha256, "reasons": list(record.verdict.reasons),
    }  # fmt: skip
