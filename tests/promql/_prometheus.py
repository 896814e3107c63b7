"""A real Prometheus on loopback, filled with samples of our choice."""

from __future__ import annotations

import json
import shutil
import subprocess
import urllib.error
import urllib.parse
import urllib.request
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from tests.referees import prometheus as started

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from tocsin.labels import Labels

BINARY = shutil.which("prometheus")
PROMTOOL = shutil.which("promtool")


def exposition(series: Iterable[tuple[Labels, Iterable[tuple[int, float]]]]) -> str:
    """OpenMetrics text with a time on every sample; families must not be split."""
    by_name: dict[str, list[str]] = {}
    for labels, samples in series:
        body = ",".join(f'{n}="{v}"' for n, v in labels if n != "__name__")
        lines = by_name.setdefault(labels.name, [])
        lines.extend(
            f"{labels.name}{{{body}}} {_number(value)} {moment / 1e6:.3f}"
            for moment, value in samples
        )
    families = [f"# TYPE {name} unknown\n" + "\n".join(rows) for name, rows in by_name.items()]
    return "\n".join(families) + "\n# EOF\n"


def _number(value: float) -> str:
    return repr(value).replace("inf", "Inf").replace("nan", "NaN")


@contextmanager
def prometheus(folder: Path, text: str) -> Iterator[str]:
    """Start a server over the samples; yields its base address."""
    assert PROMTOOL is not None
    (folder / "samples.om").write_text(text)
    subprocess.run(
        [PROMTOOL, "tsdb", "create-blocks-from", "openmetrics", "samples.om", "data"],
        check=True, cwd=folder, capture_output=True,
    )  # fmt: skip
    with started(folder, "scrape_configs: []\n", "--storage.tsdb.retention.time=200y") as address:
        yield address


def fetch(address: str, path: str, **parameters: str) -> bytes:
    """The body of an API answer. Raises HTTPError."""
    body = urllib.parse.urlencode(parameters).encode() if parameters else None
    with urllib.request.urlopen(f"{address}/api/v1/{path}", body, timeout=60) as answer:
        return answer.read()


def ask(address: str, path: str, **parameters: str) -> dict[str, Any]:
    """The `data` of an API answer, or {"error": ...}."""
    try:
        return json.loads(fetch(address, path, **parameters))["data"]
    except urllib.error.HTTPError as error:
        return {"error": json.load(error)["error"]}
