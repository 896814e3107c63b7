"""Which source answered: what it is, where it runs, what it keeps, how it is configured.

What a source does not tell is written down as such; it is no reason against a day. Of a
configuration there are the hash of its text and the external labels, never the text itself.

Source: Prometheus documentation, "HTTP API", section "Status"; the fields are those of 2.42 and
3.5. Thanos, Mimir and others answer only some of it.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import msgspec

from tocsin.errors import FileErrors
from tocsin.evidence._answers import why_not
from tocsin.evidence._canonical import canonical_json
from tocsin.yamlfile import YamlMapping, YamlScalar, read_yaml

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from tocsin.evidence._record import Answer

__all__ = ["NOT_TOLD", "OWN_STATUS", "STATUS", "SourceTold", "is_own", "redacted", "source_told"]

_BUILD, _RUNTIME, _CONFIG, _FLAGS = (
    "status/buildinfo", "status/runtimeinfo", "status/config", "status/flags",
)  # fmt: skip
STATUS = (_BUILD, _RUNTIME, _CONFIG, _FLAGS)
"""What is asked of a source, below `/api/v1/`."""
OWN_STATUS = "status/tocsin"
"""What is asked of a Tocsin instead of the last two."""
NOT_TOLD = "not told"
_TELLING = (
    "enable-feature", "query.lookback-delta", "query.max-samples", "query.timeout",
    "storage.tsdb.retention.size", "storage.tsdb.retention.time", "web.enable-admin-api",
    "web.enable-lifecycle", "web.enable-remote-write-receiver",
)  # fmt: skip
"""Flags that bear on what an answer is worth; the hash is of all."""
_LONGEST = 400
_MOST_LABELS = 100
_LARGEST_GLOBAL = 1 << 16


@dataclass(frozen=True, slots=True)
class SourceTold:
    """For the records of one run."""

    own: Mapping[str, Any] = field(default_factory=dict)
    """Of the API that most inputs ask."""
    others: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """Of `alertmanager` and `cloudwatch`, for the controls that ask them."""


class _Build(msgspec.Struct):
    version: str = ""
    revision: str = ""
    application: str = "Prometheus"


class _Runtime(msgspec.Struct):
    startTime: str = ""  # noqa: N815 - the API's names
    storageRetention: str = ""  # noqa: N815
    hostname: str = ""
    """Of Prometheus 3 only."""


class _Config(msgspec.Struct):
    yaml: str


class _Own(msgspec.Struct):
    instance: str = ""
    programSha256: str = ""  # noqa: N815
    configurationSha256: str = ""  # noqa: N815
    externalLabels: dict[str, str] = {}  # noqa: N815


class _Envelope(msgspec.Struct):
    status: str
    data: msgspec.Raw


def is_own(build: Answer) -> bool:
    """Whether a Tocsin gave this answer to `status/buildinfo`."""
    try:
        return bool(_data(build, _Build).application == "Tocsin")
    except ValueError:
        return False


def source_told(answers: Mapping[str, Answer], clean: Callable[[bytes], bytes]) -> dict[str, Any]:
    """`answers` by path; `clean` takes secrets out of JSON."""
    told: dict[str, Any] = {}
    lacking: dict[str, str] = {}
    for path, read in _READERS.items():
        if path not in answers:
            continue
        try:
            told |= read(answers[path])
        except ValueError as error:
            lacking[path] = str(error)[:_LONGEST]
    shown = {name: told.get(name) or NOT_TOLD for name in _NAMES}
    shown |= {name: value for name, value in told.items() if value and name not in shown}
    if lacking:
        shown["lacking"] = lacking
    return redacted(shown, clean)


def redacted(told: dict[str, Any], clean: Callable[[bytes], bytes]) -> dict[str, Any]:
    """The same without secrets."""
    cleaned: dict[str, Any] = msgspec.json.decode(clean(canonical_json(told)))
    return cleaned


_NAMES = ("program", "version", "revision", "instance", "started", "retention", "external_labels",
          "config_sha256")  # fmt: skip
"""Always there, in words where they are not told."""


def _build(answer: Answer) -> dict[str, Any]:
    found = _data(answer, _Build)
    if not found.version:
        raise ValueError("it does not say its version")
    return _short(program=found.application, version=found.version, revision=found.revision)


def _runtime(answer: Answer) -> dict[str, Any]:
    found = _data(answer, _Runtime)
    told = _short(started=found.startTime, retention=found.storageRetention)
    return told | (_short(instance=found.hostname) if found.hostname else {})


def _config(answer: Answer) -> dict[str, Any]:
    text = _data(answer, _Config).yaml
    if not text.strip():
        raise ValueError("the configuration is empty")
    digest = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
    return {"config_sha256": digest, "external_labels": _external_labels(text)}


def _flags(answer: Answer) -> dict[str, Any]:
    found = _data(answer, dict[str, str])
    if not found:
        raise ValueError("there are no flags")
    telling = {name: found[name] for name in _TELLING if name in found}
    digest = hashlib.sha256(canonical_json(found)).hexdigest()
    return {"flags": _short(**telling), "flags_sha256": digest}


def _own(answer: Answer) -> dict[str, Any]:
    found = _data(answer, _Own)
    labels = dict(sorted(found.externalLabels.items())[:_MOST_LABELS])
    return {
        **_short(instance=found.instance, program_sha256=found.programSha256,
                 config_sha256=found.configurationSha256),
        "external_labels": _short(**labels) or "none",
    }  # fmt: skip


_READERS: dict[str, Callable[[Answer], dict[str, Any]]] = {
    _BUILD: _build, _RUNTIME: _runtime, _CONFIG: _config, _FLAGS: _flags, OWN_STATUS: _own,
}  # fmt: skip


def _external_labels(text: str) -> dict[str, str] | str:
    """Of the section `global`, which alone is read: the rest is large, and none of our business."""
    lines, inside = [], False
    for line in text.splitlines():
        if line[:1] not in {"", " ", "\t", "#"}:
            inside = line.startswith("global:")
        if inside:
            lines.append(line)
    section = "\n".join(lines)
    if len(section) > _LARGEST_GLOBAL:
        return NOT_TOLD
    if not section:
        return "none"
    try:
        top = read_yaml(section.encode("utf-8", "surrogatepass"), "status/config")
    except FileErrors:
        return NOT_TOLD
    found = top.items.get("global") if isinstance(top, YamlMapping) else None
    labels = found.items.get("external_labels") if isinstance(found, YamlMapping) else None
    if not isinstance(labels, YamlMapping):
        return "none"
    pairs = {name: v.text for name, v in labels.items.items() if isinstance(v, YamlScalar)}
    return _short(**dict(sorted(pairs.items())[:_MOST_LABELS])) or "none"


def _short(**texts: str) -> dict[str, str]:
    return {name: text[:_LONGEST] for name, text in texts.items()}


def _data(answer: Answer, kind: Any) -> Any:
    """Raises ValueError with why there is none."""
    why = why_not(answer)
    if why:
        raise ValueError(why)
    try:
        envelope = msgspec.json.decode(answer.body, type=_Envelope)
        if envelope.status != "success":
            raise ValueError(f"status {envelope.status!r}")
        return msgspec.json.decode(envelope.data, type=kind)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise ValueError(f"the answer can't be read: {error}") from None
