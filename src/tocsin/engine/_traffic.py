"""What went well in the last hour, by client: read from the ends of the log groups' files.

Read anew for each decision and each export, so that nothing is counted in between. What others
sent over HTTP is in no file, and is not known here.
"""

from __future__ import annotations

import glob  # NOTE: Path.glob refuses absolute patterns
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

from tocsin.correlation import Event, EventReader
from tocsin.durations import DAY, HOUR
from tocsin.logformat import Clues, detect, make_format

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tocsin.engine._log_group import LogGroup

__all__ = ["recent_successes"]

_MOST = 4 << 20
"""Bytes that are read of a log group, the newest."""
_SURE = 0.5
_STATUS = ("status", "http.response.status_code")


def recent_successes(groups: Iterable[LogGroup], now: int) -> Counter[str]:
    """Requests answered with 2xx and logins that succeeded, by client, less those that failed.

    Who guesses passwords or looks for files is given the form, or a page, each time: that is no
    traffic to be spared. A file that can't be read, and a line that is none of its format, tell
    nothing.
    """
    found: Counter[str] = Counter()
    for group in groups:
        left = _MOST
        for _, path in sorted(_written(group, now - HOUR), reverse=True):
            data = _end_of(path, left)
            left -= len(data)
            _take(group, data, now, found)
            if left <= 0:
                break
    return +found


def _written(group: LogGroup, since: int) -> list[tuple[int, Path]]:
    """Files that were written lately, with when; what is compressed is over."""
    found = {}
    for pattern in group.paths:
        for name in glob.glob(pattern, recursive=True):
            path = Path(name)
            try:
                modified = path.stat().st_mtime_ns // 1000
                if modified >= since and path.is_file() and path.suffix != ".gz":
                    found[path.resolve()] = modified
            except OSError:
                continue
    return [(modified, path) for path, modified in found.items()]


def _end_of(path: Path, most: int) -> bytes:
    """Its last whole lines, in at most so many bytes."""
    try:
        with path.open("rb") as file:
            size = file.seek(0, 2)
            start = max(0, size - most)
            file.seek(start)
            data = file.read(most)
    except OSError:
        return b""
    return data[data.find(b"\n") + 1 :] if start else data


def _take(group: LogGroup, data: bytes, now: int, found: Counter[str]) -> None:
    lines = data.split(b"\n")
    form = group.format
    if not form:
        seen = detect(lines)
        if seen.confidence < _SURE:
            return
        form = seen.format
    # Stamps without a year are of the twelve months up to tomorrow.
    clues = Clues(group.offset, now - now % DAY + 2 * DAY - 365 * DAY)
    reader = EventReader(make_format(form, clues))
    for line in lines:
        event = reader.read(line.removesuffix(b"\r")) if line else None
        if isinstance(event, Event) and now - HOUR <= event.time <= now and _went_well(event):
            found[str(event.fields.get("client") or "")] += event.count * _went_well(event)


def _went_well(event: Event) -> int:
    """1 for what succeeded, -1 for what the client failed at, else 0."""
    fields = event.fields
    if fields.get("event.category") == "authentication":
        return {"success": 1, "failure": -1}.get(str(fields.get("event.outcome")), 0)
    status = str(next((fields[name] for name in _STATUS if name in fields), ""))
    return {"2": 1, "4": -1}.get(status[0], 0) if len(status) == 3 else 0
