"""`tocsin init`: a configuration to start with, made of what is there."""

from __future__ import annotations

import glob
import json
import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

from tocsin.cli._output import format_option, write_json, write_whole
from tocsin.cli._survey import survey
from tocsin.engine import load_config
from tocsin.packs import PACKS, fits
from tocsin.printable import printable

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tocsin.cli._survey import FoundLog, Survey
    from tocsin.engine import Config

__all__ = ["init"]

_PACK = "http"
_TARGETS = """
# Applications that expose Prometheus metrics:
# scrape:
#   - job: app
#     targets: ["127.0.0.1:8000"]
"""
_WATCHDOG = """
# Prometheus rule files. `watchdog` comes with Tocsin: an alert that always fires, so that others
# can notice when it stays away; see `lifesign` below."""
_RULES = """rules:
  - watchdog
"""
_NO_RULES = '#  - "rules/*.yml"  # for the metrics that are scraped\n'
_NO_LOGS = """
# Logs to watch; the format is found by looking at the lines:
# log_groups:
#   - name: web
#     paths: ["/var/log/nginx/access.log*"]
"""
_NO_DEFINITIONS = """
# Metric filters and alarms of your own: what the AWS command line prints, Terraform plans,
# CloudFormation templates:
# definitions: ["definitions.json"]
"""
_END = """
receivers:
  - name: terminal
    terminal: {}
# A webhook; an address that is a secret stands in a file or in the environment:
#  - name: team
#    webhook: {url_file: webhook.url}
# A service elsewhere that raises the alarm when the watchdog is not heard of for ten minutes:
#  - name: lifesign
#    send_resolved: false
#    webhook: {url_file: lifesign.url}
# route:
#   receiver: terminal
#   routes:
#     - matchers: [alertname=Watchdog]
#       receiver: lifesign
#       group_wait: 0s
#       group_interval: 1m
#       repeat_interval: 5m

# Samples, counts and the state of alarms, beside this file by default:
# storage: {folder: .tocsin, retention: 15d}
"""


@click.command()
@click.argument(
    "place", metavar="[PATH]", default=Path(), type=click.Path(exists=True, path_type=Path)
)
@click.option(
    "-o", "--output", type=click.Path(dir_okay=False, path_type=Path),
    help="Where to write it. Default: tocsin.yaml in the folder, in this one for a log.",
)  # fmt: skip
@click.option("--force", is_flag=True, help="Overwrite a configuration that is there.")
@click.option("--dry-run", is_flag=True, help="Print it and write nothing.")
@format_option
def init(place: Path, output: Path | None, force: bool, dry_run: bool, form: str) -> None:
    """Write a tocsin.yaml for the logs, rules and definitions at PATH, a folder or a log.

    Logs are known by their lines, whatever their names; what is found stands in the file with
    comments. `tocsin run` starts with it as it is. PATH is the current folder by default.
    """
    target = output or (place if place.is_dir() else Path()) / "tocsin.yaml"
    if target.exists() and not (force or dry_run):
        raise click.UsageError(f"{target} is there already; --force overwrites it")
    found = survey(place)
    text = _configuration(found, target.parent)
    config = load_config(target, lambda path: text if path == target else path.read_bytes())
    if not dry_run:
        write_whole(target, text)
    if form == "json":
        write_json(_as_json(found, target, written=not dry_run))
    elif dry_run:
        click.echo(text, nl=False)
    _talk(found, config, target, written=not dry_run)


def _talk(found: Survey, config: Config, target: Path, *, written: bool) -> None:
    for log in found.logs:
        click.echo(
            f"log group {log.name}: {', '.join(log.paths)} ({log.format}, "
            f"{log.confidence:.0%} of {log.lines} lines)",
            err=True,
        )
    for what, names in (("definitions", found.definitions), ("rules", found.rules)):
        if names:
            click.echo(f"{what}: {', '.join(names)}", err=True)
    for path, why in found.left_out:
        click.echo(f"left out: {printable(path)}: {printable(why)}", err=True)
    if found.bounded:
        click.echo(f"only the first {found.files} files were looked at", err=True)
    if not (found.logs or found.definitions or found.rules):
        click.echo("nothing was found; the file holds examples to fill in", err=True)
    for problem in config.warnings:
        click.echo(str(problem), err=True)
    if written:
        click.echo(f"wrote {target}; check it, then `tocsin run --config {target}`", err=True)


def _configuration(found: Survey, folder: Path) -> bytes:
    parts = [
        "# What Tocsin watches here. `tocsin check tocsin.yaml` tells every mistake at once;",
        "# SIGHUP to a running `tocsin run` loads the file anew.",
    ]
    if found.bounded:
        parts.append(f"# Only the first {found.files} files were looked at.")
    parts += _logs(found.logs, folder) if found.logs else [_NO_LOGS.rstrip()]
    packed = any(fits(_PACK, each.format) for each in found.logs)
    if packed:
        parts += _pack()
    if found.logs:
        parts += _appsec(beside=packed)
    parts += _files(
        "definitions", "Metric filters and alarms that were found", found.definitions, folder
    ) or [_NO_DEFINITIONS.rstrip()]
    if found.unfed:
        names = ", ".join(found.unfed[:20])
        parts.append(f"# Their filters read these log groups too, which no file here fits: {names}")
    parts.append(_TARGETS.rstrip())
    parts += [_WATCHDOG, _RULES.rstrip()]
    parts += [f"  - {_quoted(_beside_file(each, folder))}" for each in found.rules] or [
        _NO_RULES.rstrip()
    ]
    if found.left_out:
        parts.append("\n# Left out:")
        parts += [f"#   {printable(path)}: {printable(why)}" for path, why in found.left_out[:50]]
    return ("\n".join(parts) + "\n" + _END).encode()


def _logs(logs: list[FoundLog], folder: Path) -> Iterator[str]:
    yield "\nlog_groups:"
    for log in logs:
        yield f"  - name: {_quoted(log.name)}"
        yield f"    paths: [{', '.join(_quoted(_beside(each, folder)) for each in log.paths)}]"
        share = f"{log.confidence:.0%} of the {log.lines} lines looked at"
        yield f"    format: {log.format}  # found: {share}"
        if log.format in {"apache-error", "nginx-error", "syslog"}:
            yield '    # utc_offset: "+01:00"  # the stamps have no zone; UTC by default'


def _pack() -> Iterator[str]:
    yield "\n# Alarms on 404, 5xx, 400, 401 and 403, and critical errors, for the log groups of"
    yield f"# the format {', '.join(PACKS[_PACK])}. `tocsin replay --pack {_PACK}"
    yield "# --threshold-report FILES` shows how often other thresholds would have fired."
    yield f"packs: [{_PACK}]"
    yield "# parameters:"
    yield "#   NotFoundThreshold: 50"


def _appsec(*, beside: bool) -> Iterator[str]:
    yield "\n# Who attacks: brute force, scans, probes and break-ins by address and user, in"
    yield "# logs of sshd, web servers and the SDK, and a log gone quiet. It needs pySigma:"
    yield "# pip install 'tocsin[sigma]'"
    yield f"# packs: [{f'{_PACK}, ' if beside else ''}appsec]"


def _files(key: str, title: str, names: list[str], folder: Path) -> list[str]:
    if not names:
        return []
    return [f"\n# {title}.", f"{key}:", *(f"  - {_quoted(_beside_file(e, folder))}" for e in names)]


def _beside_file(name: str, folder: Path) -> str:
    """A path as a pattern that means this file only."""
    return glob.escape(_beside(name, folder))


def _beside(name: str, folder: Path) -> str:
    """Relative to the configuration where it is below it, else whole."""
    whole, base = os.path.abspath(name), os.path.abspath(folder)  # noqa: PTH100 - links stay as they are
    if not whole.startswith(base.rstrip("/") + "/"):
        return whole
    found = os.path.relpath(whole, base)
    # A tilde at the begin would be somebody's home.
    return f"./{found}" if found.startswith("~") else found


def _quoted(text: str) -> str:
    """A text in YAML: in double quotes if it is anything but letters."""
    plain = text.replace("-", "").replace("_", "").replace(".", "")
    if plain.isascii() and plain.isalpha() and text[0].isalpha() and plain.lower() not in _WORDS:
        return text
    return json.dumps(text, ensure_ascii=False)


_WORDS = {"y", "n", "yes", "no", "on", "off", "true", "false", "null", "nan", "inf"}


def _as_json(found: Survey, target: Path, *, written: bool) -> dict[str, object]:
    return {
        "configuration": str(target),
        "written": written,
        "log_groups": [
            {
                "name": each.name,
                "paths": each.paths,
                "format": each.format,
                "confidence": each.confidence,
                "lines": each.lines,
            }
            for each in found.logs
        ],
        "packs": [_PACK] if any(fits(_PACK, each.format) for each in found.logs) else [],
        "definitions": found.definitions,
        "rules": found.rules,
        "log_groups_without_files": found.unfed,
        "left_out": [{"path": path, "why": why} for path, why in found.left_out],
        "files": found.files,
        "bounded": found.bounded,
    }
