"""A real Prometheus over the samples of a day: what it says to the same queries."""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import tempfile
import time
import urllib.error
import urllib.request
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlencode

import msgspec

from tocsin.control import Row
from tocsin.durations import SECOND
from tocsin.errors import ParseError, QueryError, SourceError
from tocsin.evidence import differing

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tocsin.evidence import InputAgain, Reperformed, Reperformer

__all__ = ["Referee"]

_READY = 60.0
_INSTALL = "Debian and Ubuntu have the package `prometheus`, which holds both"


class _Series(msgspec.Struct):
    metric: dict[str, str]
    value: tuple[float, str] | None = None
    values: list[tuple[float, str]] = []


class _Data(msgspec.Struct):
    result: list[_Series]


class _Said(msgspec.Struct):
    data: _Data


class Referee:
    """One server that watches nothing and holds the samples of a day."""

    def __init__(self, address: str) -> None:
        self._address = address
        build = json.loads(self._get("status/buildinfo", {}))
        self.version = 2 if str(build["data"]["version"]).startswith("2.") else 3

    @classmethod
    def judge(cls, work: Reperformer, records: list[Reperformed]) -> dict[str, list[str]]:
        """By the record's file, for each of its queries what differs. Raises SourceError."""
        judged: dict[str, list[str]] = {}
        for sha256 in sorted({each.samples for each in records if each.samples}):
            try:
                text, _ = work.samples(sha256)
            except ParseError as error:
                judged |= {r.file: [str(error)] for r in records if r.samples == sha256}
                continue
            with _running(text) as address:
                referee = cls(address)
                for record in records:
                    if record.samples == sha256:
                        queries = [one for one in record.inputs if one.query]
                        judged[record.file] = [
                            referee.differs(work, sha256, one) for one in queries
                        ]
        return judged

    def differs(self, work: Reperformer, sha256: str, one: InputAgain) -> str:
        """Our evaluation, by this server's rules for windows, against the server's own."""
        try:
            ours = work.rows(sha256, one, self.version)
            theirs = self._rows(one)
        except (ParseError, QueryError, SourceError) as error:
            return f"{one.name}: {error}"
        wrong = differing(ours, theirs)
        return f"{one.name}: {wrong}" if wrong else ""

    def _rows(self, one: InputAgain) -> tuple[Row, ...]:
        start, end, step = (each // SECOND for each in one.grid)
        if one.how == "computed once":
            body = self._get("query", {"query": one.query, "time": str(start)})
        else:
            body = self._get("query_range", {
                "query": one.query, "start": str(start), "end": str(end), "step": str(step),
            })  # fmt: skip
        said = msgspec.json.decode(body, type=_Said)
        return tuple(
            Row(
                tuple(sorted(series.metric.items())),
                tuple(
                    (round(at * SECOND), float(value))
                    for at, value in (*series.values, *filter(None, [series.value]))
                ),
            )
            for series in said.data.result
        )

    def _get(self, path: str, params: dict[str, str]) -> bytes:
        url = f"{self._address}/api/v1/{path}?{urlencode(params)}"
        try:
            with urllib.request.urlopen(url, timeout=60) as answer:  # noqa: S310 - loopback
                return bytes(answer.read())
        except OSError as error:
            raise SourceError(f"prometheus does not answer: {error}") from None


@contextmanager
def _running(text: bytes) -> Iterator[str]:
    """The address of a server with these samples, for as long as it is needed."""
    prometheus, promtool = shutil.which("prometheus"), shutil.which("promtool")
    if prometheus is None or promtool is None:
        raise SourceError("prometheus or promtool is not installed", hint=_INSTALL)
    with tempfile.TemporaryDirectory(prefix="tocsin-reperform-") as name:
        folder = Path(name)
        (folder / "samples.om").write_bytes(text)
        (folder / "prometheus.yml").write_text("scrape_configs: []\n")
        made = subprocess.run(  # noqa: S603 - a program found on the path, fixed arguments
            [promtool, "tsdb", "create-blocks-from", "openmetrics", "samples.om", "data"],
            cwd=folder, capture_output=True, check=False,
        )  # fmt: skip
        if made.returncode:
            why = made.stderr.decode(errors="replace")[-500:]
            raise SourceError(f"promtool can't read the samples: {why}")
        (folder / "data").mkdir(exist_ok=True)
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        with (folder / "log").open("wb") as log:
            process = subprocess.Popen(  # noqa: S603
                [prometheus, "--config.file=prometheus.yml", "--storage.tsdb.path=data",
                 "--storage.tsdb.retention.time=100y", f"--web.listen-address=127.0.0.1:{port}"],
                cwd=folder, stdout=log, stderr=log,
            )  # fmt: skip
            try:
                _wait(f"http://127.0.0.1:{port}", process, folder / "log")
                yield f"http://127.0.0.1:{port}"
            finally:
                process.terminate()
                process.wait(30)


def _wait(address: str, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + _READY
    while time.monotonic() < deadline and process.poll() is None:
        try:
            with urllib.request.urlopen(f"{address}/-/ready", timeout=5):  # noqa: S310
                return
        except (OSError, urllib.error.HTTPError):
            time.sleep(0.1)
    raise SourceError(f"prometheus does not start: {log.read_text(errors='replace')[-500:]}")
