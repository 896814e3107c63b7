"""What of a folder Tocsin could read: logs, definitions and rules, known by their content."""

from __future__ import annotations

import glob
import os
import re
from collections import defaultdict
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from tocsin.definitions import load_definitions, recognise
from tocsin.errors import FileErrors, SourceError
from tocsin.logformat import Parsed, Reason, Skipped, detect, make_format
from tocsin.printable import printable
from tocsin.rules import load_rule_file
from tocsin.source import read_head
from tocsin.yamlfile import YamlMapping, read_yaml

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

__all__ = ["FoundLog", "Survey", "survey"]

MOST_FILES = 5000
MOST_BYTES = 256 << 20
"""That are read in all."""
_MOST_HEAD = 256 << 10
"""Of a file that may be a log."""
_MOST_WHOLE = 16 << 20
"""Larger files are not looked at as definitions or rules."""
_SURE = 0.5
_PASSED_BY = frozenset({"__pycache__", "env", "node_modules", "site-packages", "venv"})
_WHOLE = frozenset({".json", ".template", ".tf", ".tfstate", ".yaml", ".yml"})
_NO_LOGS = frozenset({
    ".a", ".bin", ".bmp", ".c", ".cc", ".class", ".cpp", ".css", ".db", ".dll", ".exe", ".gif",
    ".go", ".h", ".html", ".ico", ".jar", ".java", ".jpeg", ".jpg", ".js", ".lock", ".map", ".md",
    ".o", ".pdf", ".php", ".png", ".py", ".pyc", ".rb", ".rs", ".sh", ".so", ".sqlite", ".svg",
    ".tar", ".toml", ".ts", ".webp", ".whl", ".woff", ".woff2", ".xml", ".zip",
})  # fmt: skip
_ROTATED = re.compile(r"(?:\.gz|\.old|[-.](?:\d{1,4}|\d{8}(?:-\d{1,10})?|\d{4}-\d\d-\d\d))+$")
_ENDINGS = re.compile(r"(?:\.log|\.json|\.jsonl|\.txt)+$")
_NOT_IN_NAMES = re.compile(r"[^._/#A-Za-z0-9-]+")
_FORMS = ("describe", "terraform state file", "terraform state", "terraform plan")
"""Forms of definitions that tell all come first; the sources come last."""


@dataclass(frozen=True, slots=True)
class FoundLog:
    """Files that are one log, rotated ones with it."""

    name: str
    """The log group."""
    paths: tuple[str, ...]
    """Patterns."""
    format: str
    confidence: float
    """The share of the lines looked at that are of the format."""
    lines: int
    """That were looked at."""


@dataclass(slots=True)
class Survey:
    """What was found."""

    logs: list[FoundLog] = field(default_factory=list)
    definitions: list[str] = field(default_factory=list)
    rules: list[str] = field(default_factory=list)
    unfed: list[str] = field(default_factory=list)
    """Log groups that metric filters name and no log here fits."""
    left_out: list[tuple[str, str]] = field(default_factory=list)
    """Files that would be of use, and why they are not used."""
    files: int = 0
    """That were looked at."""
    bounded: bool = False
    """Whether there were more."""


@dataclass(slots=True)
class _Pieces:
    """Files by what they are, before they are held against each other."""

    logs: dict[tuple[Path, str, str], list[tuple[Path, float, int]]] = field(
        default_factory=lambda: defaultdict(list)
    )
    """By folder, name without what rotation adds, and format."""
    definitions: list[tuple[str, Path, bytes]] = field(default_factory=list)
    rules: list[Path] = field(default_factory=list)


def survey(place: Path) -> Survey:
    """Look at a folder and all in it, or at one file.

    Hidden files, virtual environments and linked folders are passed by; nothing is followed,
    and no file is read but its head, unless it is small enough to be a definition file.
    """
    found, pieces = Survey(), _Pieces()
    seen: set[tuple[int, int]] = set()
    left = MOST_BYTES
    for path in _walk(place):
        if found.files >= MOST_FILES or left <= 0:
            found.bounded = True
            break
        try:
            about = path.stat()
        except OSError:
            continue
        known = (about.st_dev, about.st_ino)
        if known in seen or not path.is_file():
            continue
        seen.add(known)
        found.files += 1
        if not str(path).isprintable():
            found.left_out.append((str(path), "its name can't be written down"))
            continue
        left -= _look(path, about.st_size, pieces, found)
    _keep_definitions(pieces, found)
    found.rules = [str(path) for path in pieces.rules]
    _name_logs(place, pieces, found)
    return found


def _walk(place: Path) -> Iterator[Path]:
    if not place.is_dir():
        yield place
        return
    for folder, folders, names in os.walk(place, followlinks=False):
        folders[:] = sorted(
            each for each in folders if not each.startswith(".") and each not in _PASSED_BY
        )
        if "pyvenv.cfg" in names:
            folders.clear()
            continue
        yield from (Path(folder, name) for name in sorted(names) if not name.startswith("."))


def _look(path: Path, size: int, pieces: _Pieces, found: Survey) -> int:
    """Put a file where it belongs; how many bytes were read."""
    ending = path.suffix.lower()
    if ending in _NO_LOGS or not size:
        return 0
    try:
        if ending in _WHOLE and size <= _MOST_WHOLE:
            data = path.read_bytes()
            form = recognise(str(path), data)
            if form and form != "json":
                pieces.definitions.append((form, path, data))
                return size
            if ending in {".yml", ".yaml"}:
                _look_at_yaml(path, data, pieces, found)
                return size
        if ending not in {".yml", ".yaml", ".tf"}:
            _look_at_log(path, pieces)
    except (OSError, SourceError) as error:
        why = error.strerror if isinstance(error, OSError) else error.what
        found.left_out.append((str(path), f"can't read it: {why}"))
    return min(size, _MOST_HEAD)


def _look_at_yaml(path: Path, data: bytes, pieces: _Pieces, found: Survey) -> None:
    try:
        top = read_yaml(data, str(path))
    except FileErrors:
        return
    if not isinstance(top, YamlMapping) or set(top.items) != {"groups"}:
        return
    try:
        load_rule_file(data, str(path))
    except FileErrors as error:
        found.left_out.append((str(path), _mistakes(error)))
    else:
        pieces.rules.append(path)


def _look_at_log(path: Path, pieces: _Pieces) -> None:
    head = read_head(str(path)).head.removeprefix(b"\xef\xbb\xbf")
    lines = [each.rstrip(b"\r") for each in head.split(b"\n")]
    if len(head) >= _MOST_HEAD:
        lines.pop()
    detected = detect(lines)
    if not detected.format or detected.confidence < _SURE:
        return
    form = make_format(detected.format)
    sample = [each for each in lines if each.strip()][: detected.lines]
    # A file of data may look like a log but for the times in it.
    year = Skipped(Reason.NO_YEAR)
    timed = sum(isinstance(each, Parsed) or each == year for each in map(form.parse, sample))
    if timed >= _SURE * len(sample):
        key = path.parent, _ROTATED.sub("", path.name), detected.format
        pieces.logs[key].append((path, detected.confidence, detected.lines))


def _mistakes(error: FileErrors) -> str:
    first = printable(error.problems[0].what, 100)
    more = len(error.problems) - 1
    return f"has mistakes, see `tocsin check`: {first}{f' and {more} more' if more else ''}"


def _keep_definitions(pieces: _Pieces, found: Survey) -> None:
    """Those that hold filters or alarms and go together without a mistake, exact forms first."""
    rank = {form: number for number, form in enumerate(_FORMS)}
    units: dict[tuple[int, str], list[tuple[str, bytes]]] = defaultdict(list)
    for form, path, data in pieces.definitions:
        # The sources in one folder are one module.
        unit = str(path.parent) if form == "hcl" else str(path)
        order = len(_FORMS) + 1 if form == "hcl" else rank.get(form, len(_FORMS))
        units[order, unit].append((str(path), data))
    kept: list[tuple[str, bytes]] = []
    held = 0
    for _, files in sorted(units.items()):
        own = load_definitions(files)
        if not (own.filters or own.alarms or own.errors or own.unresolved):
            continue
        together = own if own.errors else load_definitions([*kept, *files])
        size = len(together.filters) + len(together.alarms)
        if together.errors:
            why = _mistakes(FileErrors(together.errors))
            found.left_out += [(name, why) for name, _ in files]
        elif held and size == held:
            found.left_out += [
                (name, "it adds nothing to the other definitions") for name, _ in files
            ]
        else:
            kept, held = kept + files, size
    found.definitions = [name for name, _ in kept]
    loaded = load_definitions(kept)
    found.unfed = sorted({each.log_group for each in loaded.filters})


def _name_logs(place: Path, pieces: _Pieces, found: Survey) -> None:
    base = place if place.is_dir() else place.parent
    every = [path for files in pieces.logs.values() for path, _, _ in files]
    named: dict[str, FoundLog] = {}
    asked = found.unfed
    for (folder, stem, form), files in sorted(pieces.logs.items()):
        own = [path for path, _, _ in files]
        lines = sum(count for _, _, count in files)
        share = sum(confidence * count for _, confidence, count in files) / lines
        log = FoundLog("", _patterns(folder, stem, own, every), form, share, lines)
        bare = _ENDINGS.sub("", stem) or stem
        fitting = [each for each in asked if _ENDINGS.sub("", each.rpartition("/")[2]) == bare]
        name = fitting[0] if len(fitting) == 1 else _name(bare)
        if name in named and named[name].format == form and len(fitting) == 1:
            both = named[name]
            named[name] = replace(both, paths=(*both.paths, *log.paths))
            continue
        if name in named:
            inside = folder.relative_to(base) if folder.is_relative_to(base) else folder
            name = _name(f"{inside.as_posix()}/{stem}".removeprefix("./"))
        number, free = 2, name
        while free in named:
            free, number = f"{name}-{number}", number + 1
        named[free] = replace(log, name=free)
    found.logs = [replace(each, name=name) for name, each in named.items()]
    found.unfed = [each for each in asked if each not in named]


def _name(text: str) -> str:
    """A log group's name, of the letters that CloudWatch allows."""
    return _NOT_IN_NAMES.sub("-", text)[:200].strip("-") or "log"


def _patterns(
    folder: Path, stem: str, own: Sequence[Path], every: Sequence[Path]
) -> tuple[str, ...]:
    """Patterns that take a log and what it will be rotated to, and no other log."""
    plain = glob.escape(str(folder / stem))
    alike = {path for path in every if path.parent == folder and path.name.startswith(stem)}
    if alike <= set(own):
        return (f"{plain}*",)
    return plain, f"{plain}.[0-9]*", f"{plain}-[0-9]*"
