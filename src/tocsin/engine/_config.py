"""tocsin.yaml: read whole, every mistake at once, nothing half applied."""

from __future__ import annotations

import glob  # NOTE: Path.glob refuses absolute patterns
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from tocsin.control import SHIPPED, Catalogue, load_catalogue, shipped_text
from tocsin.durations import DAY, SECOND, format_duration
from tocsin.engine._config_alerting import ROUTE_KEYS, read_routing
from tocsin.engine._config_correlations import CORRELATION_KEYS
from tocsin.engine._config_drills import DRILL_KEYS, read_drills
from tocsin.engine._config_files import beside
from tocsin.engine._config_logs import LOG_KEYS, LogConfig, read_log_config
from tocsin.engine._config_receivers import RECEIVER_KEYS, ReceiverReader, is_url
from tocsin.engine._config_respond import RESPOND_KEYS, RespondConfig, read_respond
from tocsin.errors import ConfigError, FileErrors, ParseError, Problem, RuleError, Span
from tocsin.labels import Labels
from tocsin.packs import RULE_FILES, shipped_rules
from tocsin.rules import RuleFile, load_rule_file
from tocsin.seal import read_retention
from tocsin.series import Target
from tocsin.yamlfile import YamlMapping, YamlScalar, read_yaml
from tocsin.yamlreader import YamlReader

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from tocsin.alerting import Routing
    from tocsin.drill import Drill
    from tocsin.notify import Receiver
    from tocsin.yamlfile import YamlNode

__all__ = ["CONFIG_KEYS", "Config", "load_config"]

_SIZE = re.compile(r"(\d{1,12})\s*(B|[KMG]i?B)?")
_UNITS = {"B": 1, "KB": 10**3, "MB": 10**6, "GB": 10**9, "KiB": 2**10, "MiB": 2**20, "GiB": 2**30}
_COMMIT = re.compile(r"[!-~]{1,100}").fullmatch
_LONGEST = 400
_LABEL = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*").fullmatch

CONFIG_KEYS: dict[str, dict[str, str]] = {
    "": {
        "scrape": "targets to scrape, a list",
        "rules": "Prometheus rule files: patterns, relative to this file; `watchdog` is one that "
        "comes with Tocsin, with an alert that always fires",
        "log_groups": "logs to read, a list",
        "definitions": "metric filters and alarms: patterns, relative to this file, of what the "
        "AWS command line prints, Terraform plans, states and sources, CloudFormation and CDK "
        "templates",
        **CORRELATION_KEYS,
        "packs": "filters, alarms and Sigma rules that come with Tocsin, for each log group whose "
        "format they fit; a list: `http`, `appsec` (extra `sigma`), or mappings",
        "parameters": "of CloudFormation templates, packs and Terraform sources, a mapping",
        "cloudwatch": "what AWS leaves undecided, and whose alarms they are",
        "evaluation_interval": "for groups without one of their own; default: the shortest "
        "scrape interval",
        "receivers": "whom to notify, a list; every alert goes to each at once, unless there are "
        "routes",
        **ROUTE_KEYS,
        "respond": "who is never blocked, and what is blocked without asking",
        "external_labels": "added to every alert that leaves",
        "external_url": "where people reach this daemon; shown in notifications, and the only name "
        "besides addresses and localhost that the API answers to",
        "listen": "address of the HTTP API, default 127.0.0.1:9464",
        "storage": "the state folder and how long samples stay",
        "drills": "synthetic attacks that show that alerts work, a list",
        "evidence": "where `tocsin evidence collect` writes",
        "revision": "where all of this came from, for a pipeline to write where there is no work "
        "tree of git",
    },
    "scrape": {
        "job": "name of the job, the label `job`",
        "targets": "host:port or whole addresses, a list",
        "interval": "time between scrapes, default 15s",
        "timeout": "for one scrape, default 10s but at most the interval",
        "path": "default /metrics",
        "scheme": "http or https, default http",
        "honor_labels": "whether the target's own labels win, default false",
        "labels": "added to every series",
        "body_limit": "largest response after decompression, default 16MiB",
        "series_budget": "most series a target may add, default 10000",
    },
    **LOG_KEYS,
    "receivers": RECEIVER_KEYS,
    "respond": RESPOND_KEYS,
    "drills": DRILL_KEYS,
    "storage": {
        "folder": "state folder, default .tocsin beside this file",
        "retention": "age of the oldest samples, default 15d",
        "size": "most bytes in use, default 2GiB",
    },
    "evidence": {
        "folder": "default evidence in the current folder",
        "key_file": "the private key that seals, default evidence.key in the current folder",
        "retention": "how long `tocsin evidence prune` keeps a day: 7y, years of the calendar, or "
        "90d; without it nothing is removed",
        "controls": "catalogues: patterns, relative to this file, or `lab` and `starter`, which "
        "come with Tocsin; default `lab`",
    },
    "revision": {
        "commit": "its name, up to 100 characters without spaces",
        "author": "who wrote it",
        "ticket": "where more is written",
    },
}


@dataclass(frozen=True, slots=True)
class Config:
    """A configuration that holds together."""

    path: str
    text: bytes
    targets: tuple[Target, ...]
    rule_files: tuple[RuleFile, ...]
    evaluation_interval: int
    receivers: tuple[Receiver, ...]
    routing: Routing | None
    external_labels: dict[str, str]
    external_url: str
    listen: tuple[str, int]
    storage_folder: Path
    retention: int
    storage_size: int
    evidence_folder: Path
    evidence_key: Path
    evidence_retention: str
    """`7y` or `90d`; empty without a policy."""
    catalogues: tuple[Catalogue, ...]
    drills: tuple[Drill, ...]
    logs: LogConfig
    respond: RespondConfig
    warnings: tuple[Problem, ...]
    revision: dict[str, str]
    """`commit`, `author` and perhaps `ticket`, as the file tells them; may be empty."""
    revisions: Mapping[str, dict[str, str]] = field(default_factory=dict)
    """By path, what git tells of the files; see `with_revisions`."""

    @property
    def look_back(self) -> int:
        """Microseconds that the rules read back, at most."""
        return max(
            (
                rule.query.look_back + group.query_offset
                for file in self.rule_files
                for group in file.groups
                for rule in group.rules
            ),
            default=0,
        )


def load_config(path: Path, read_bytes: Callable[[Path], bytes] = Path.read_bytes) -> Config:
    """Read the file and everything it names. Raises ConfigError with all mistakes."""
    try:
        text = read_bytes(path)
    except OSError as error:
        hint = "`tocsin init` writes one" if isinstance(error, FileNotFoundError) else ""
        raise ConfigError(
            [Problem(Span(str(path)), f"can't read it: {error.strerror}", hint)]
        ) from None
    reader = _ConfigReader(path, read_bytes)
    try:
        config = reader.config(read_yaml(text, str(path)), text)
    except FileErrors as error:
        raise ConfigError(error.problems) from None
    if reader.failed:
        raise ConfigError(reader.problems)
    return config


class _ConfigReader(YamlReader):
    """One configuration's reading."""

    def __init__(self, path: Path, read_bytes: Callable[[Path], bytes]) -> None:
        super().__init__()
        self.path = path
        self.read_bytes = read_bytes

    def config(self, node: YamlNode, text: bytes) -> Config:
        top = self.mapping(node, CONFIG_KEYS[""], "the configuration")
        targets = tuple(t for item in self.items(top, "scrape") for t in self._targets(item))
        self._unique("target", ((t.source, top.span) for t in targets))
        shortest = min((target.interval for target in targets), default=15 * SECOND)
        storage = self.mapping(top.items.get("storage"), CONFIG_KEYS["storage"], "storage")
        evidence = self.mapping(top.items.get("evidence"), CONFIG_KEYS["evidence"], "evidence")
        interval = self.duration(top, "evaluation_interval", shortest)
        if not interval:
            self.error(self.span_of(top, "evaluation_interval"), "evaluation_interval can't be 0")
        receiving = ReceiverReader(self, self.path.parent, self.read_bytes)
        made = [found for item in self.items(top, "receivers") if (found := receiving.read(item))]
        self._unique("receiver", ((r.name, top.span) for r, _ in made))
        routing, more = read_routing(self, top, self.path.parent, self.read_bytes, made)
        receivers = (*(receiver for receiver, _ in made), *more)
        labels = {
            name: value for name, (value, _) in self.string_map(top, "external_labels").items()
        }
        rule_files = self._rule_files(top)
        revision = self._revision(top)
        logs = read_log_config(self, top, self.path.parent, self.read_bytes)
        return Config(
            str(self.path), text, targets, rule_files, interval, receivers, routing, labels,
            receiving.url(top, "external_url") if "external_url" in top.items else "",
            self._listen(top),
            self._folder(storage, self.path.parent / ".tocsin"),
            self.duration(storage, "retention", 15 * DAY),
            self._bytes(storage, "size", 2 << 30),
            self._folder(evidence, Path("evidence")),
            self._folder(evidence, Path("evidence.key"), "key_file"),
            self._kept_for(evidence),
            self._catalogues(evidence),
            read_drills(self, top, receivers, logs, self.path.parent),
            logs,
            read_respond(self, top, self.path.parent, self.read_bytes, logs),
            tuple(p for p in self.problems if p.severity == "warning"),
            revision,
        )  # fmt: skip

    def _revision(self, top: YamlMapping) -> dict[str, str]:
        if "revision" not in top.items:
            return {}
        item = self.mapping(top.items["revision"], CONFIG_KEYS["revision"], "revision")
        for key in ("commit", "author"):
            self.require(item, key, "revision")
        found = {name: text for name in item.items if (text := self.string(item, name))}
        if "commit" in found and not _COMMIT(found["commit"]):
            hint = "write what `git rev-parse HEAD` says"
            self.error(self.span_of(item, "commit"), "commit must be one word", hint)
        for name, text in found.items():
            if not text.strip() or len(text) > _LONGEST:
                what = f"{name} must have 1 to {_LONGEST} characters"
                self.error(self.span_of(item, name), what)
        return found

    def _unique(self, what: str, names: Iterator[tuple[str, Span]]) -> None:
        seen: set[str] = set()
        for name, span in names:
            if name in seen:
                self.error(span, f"{what} {name!r} is given twice", "keep one of them")
            seen.add(name)

    def _targets(self, node: YamlNode) -> Iterator[Target]:
        item = self.mapping(node, CONFIG_KEYS["scrape"], "a scrape entry")
        self.require(item, "job", "a scrape entry")
        if not self.require(item, "targets", "a scrape entry"):
            return
        interval = self.duration(item, "interval", 15 * SECOND)
        timeout = self.duration(item, "timeout", min(10 * SECOND, interval))
        if interval < SECOND // 10:
            self.error(self.span_of(item, "interval"), "interval must be at least 100ms")
            return
        if timeout > interval or not timeout:
            self.error(
                self.span_of(item, "timeout"),
                f"timeout must be over 0 and at most the interval, {format_duration(interval)}",
            )
        scheme = self.string(item, "scheme", "http")
        if scheme not in {"http", "https"}:
            self.error(self.span_of(item, "scheme"), "scheme must be http or https")
        path = self.string(item, "path", "/metrics")
        labels = {name: value for name, (value, _) in self.string_map(item, "labels").items()}
        for name in labels:
            if not _LABEL(name) or name.startswith("__"):
                self.error(self.span_of(item, "labels"), f"{name!r} is not a label name")
        for each in self.items(item, "targets"):
            address = each.text if isinstance(each, YamlScalar) else ""
            url = address if "://" in address else f"{scheme}://{address}{path}"
            if not is_url(url):
                self.error(each.span, f"not a target: {address[:60]!r}", "write host:port")
                continue
            yield Target(
                self.string(item, "job"), url, Labels(labels), interval, timeout,
                self.boolean(item, "honor_labels", default=False),
                self._bytes(item, "body_limit", 16 << 20),
                self.integer(item, "series_budget", 10_000, 1),
            )  # fmt: skip

    def _rule_files(self, top: YamlMapping) -> tuple[RuleFile, ...]:
        loaded: dict[str, RuleFile] = {}
        for node in self.items(top, "rules"):
            pattern = node.text if isinstance(node, YamlScalar) else ""
            if pattern in RULE_FILES:
                path, text = shipped_rules(pattern)
                loaded[path] = load_rule_file(text, path)
                continue
            names = sorted(glob.glob(str(self._beside(pattern)), recursive=True)) if pattern else []
            if not names:
                hint = f"check the path; those shipped are {', '.join(RULE_FILES)}"
                self.error(node.span, f"no rule file matches {pattern!r}", hint)
            for name in names:
                if name in loaded:
                    continue
                try:
                    loaded[name] = load_rule_file(self.read_bytes(Path(name)), name)
                    self.problems.extend(loaded[name].warnings)
                except RuleError as error:
                    self.problems.extend(error.problems)
                except OSError as error:
                    self.error(node.span, f"can't read {name!r}: {error.strerror}")
        return tuple(loaded.values())

    def _kept_for(self, evidence: YamlMapping) -> str:
        text = self.string(evidence, "retention")
        try:
            return read_retention(text) if text else ""
        except ParseError as error:
            self.error(self.span_of(evidence, "retention"), error.what, error.hint)
            return ""

    def _catalogues(self, evidence: YamlMapping) -> tuple[Catalogue, ...]:
        loaded: dict[str, Catalogue] = {}
        for name in self.strings(evidence, "controls") or ("lab",):
            paths = sorted(glob.glob(str(self._beside(name)), recursive=True))
            if name in SHIPPED:
                loaded[name] = load_catalogue(shipped_text(name), name)
                continue
            if not paths:
                self.error(
                    self.span_of(evidence, "controls"), f"no catalogue matches {name!r}",
                    f"check the path; those shipped are {', '.join(SHIPPED)}",
                )  # fmt: skip
            for path in paths:
                try:
                    loaded[path] = load_catalogue(self.read_bytes(Path(path)), path)
                except ConfigError as error:
                    self.problems.extend(error.problems)
                except OSError as error:
                    self.error(evidence.span, f"can't read {path!r}: {error.strerror}")
        names = [control.id for each in loaded.values() for control in each.controls]
        for twice in sorted({name for name in names if names.count(name) > 1}):
            what = f"control {twice!r} is in several catalogues"
            self.error(self.span_of(evidence, "controls"), what, "keep one of them")
        return tuple(loaded.values())

    def _listen(self, top: YamlMapping) -> tuple[str, int]:
        text = self.string(top, "listen", "127.0.0.1:9464")
        host, _, port = text.rpartition(":")
        if not host or not port.isdigit() or int(port) > 65535:
            self.error(self.span_of(top, "listen"), "listen must be host:port")
            return "127.0.0.1", 0
        return host.strip("[]"), int(port)

    def _beside(self, name: str) -> Path:
        return beside(self.path.parent, name)

    def _folder(self, parent: YamlMapping, default: Path, key: str = "folder") -> Path:
        name = self.string(parent, key)
        return self._beside(name) if name else default

    def _bytes(self, parent: YamlMapping, key: str, default: int) -> int:
        text = self.string(parent, key)
        if not text:
            return default
        match = _SIZE.fullmatch(text)
        if match is None or int(match[1]) == 0:
            self.error(self.span_of(parent, key), f"{key} must be a size such as 16MiB")
            return default
        return int(match[1]) * _UNITS[match[2] or "B"]
