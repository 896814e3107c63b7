"""`tocsin check`: every mistake of the files that people write."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

import click

from tocsin.cli._exit import ExitCode
from tocsin.cli._files import expand
from tocsin.cli._output import format_option, write_json
from tocsin.control import SHIPPED, load_catalogue
from tocsin.correlation import RuleSet, load_sigma, load_sigma_tests
from tocsin.definitions import load_definitions, recognise
from tocsin.engine import CONFIG_KEYS, load_config
from tocsin.errors import FileErrors, Problem, Span, TocsinError
from tocsin.remote import Reader, fetch, make_client
from tocsin.rules import (
    AlertingRule,
    RecordingRule,
    RuleFile,
    lint_metrics,
    load_rule_file,
    load_test_file,
)
from tocsin.series import Exposition, Failed, Target
from tocsin.yamlfile import YamlMapping, read_yaml

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tocsin.engine import Config

__all__ = ["check"]


@click.command()
@click.argument("files", nargs=-1, required=True, metavar="FILE...", type=Path)
@format_option
def check(files: tuple[Path, ...], form: str) -> int:
    """Check rule files, their tests, Sigma files, definitions, catalogues and configurations.

    A folder stands for all files in it. Prints every mistake as `file:line:col: what, hint:
    ...`. For a configuration each target is scraped once, to find rules whose metrics nobody
    exposes. Definitions are metric filters and alarms as AWS, Terraform and CloudFormation
    write them; those given together are looked at together, and what they leave open is listed.
    So are Sigma rules and correlations, which may refer to rules of another file.
    Warnings do not change the exit code.
    """
    problems: list[Problem] = []
    counts: Counter[str] = Counter()
    paths = [path for path, _ in expand(files)]
    definitions: list[tuple[str, bytes]] = []
    sigma: list[tuple[str, bytes]] = []
    for path in paths:
        problems += _check_file(path, counts, definitions, sigma)
    if sigma:
        problems += _check_sigma(sigma, counts)
    loaded = load_definitions(definitions)
    problems += loaded.problems
    errors = sum(problem.severity == "error" for problem in problems)
    warnings = len(problems) - errors
    if form == "json":
        write_json({
            "problems": [
                {"path": p.span.path, "line": p.span.line, "column": p.span.column,
                 "severity": p.severity, "what": p.what, "hint": p.hint}
                for p in problems
            ],
            "holds": dict(counts) | (loaded.counts if definitions else {}),
            "errors": errors, "warnings": warnings,
        })  # fmt: skip
    else:
        for problem in problems:
            click.echo(str(problem))
        click.echo(_summary(len(paths), counts, errors, warnings))
        if definitions:
            click.echo(loaded.holds)
    return ExitCode.WRONG if errors else ExitCode.OK


def _summary(files: int, counts: Counter[str], errors: int, warnings: int) -> str:
    holds = ", ".join(_plural(count, what) for what, count in counts.items())
    found = f"{_plural(errors, 'error')}, {_plural(warnings, 'warning')}"
    return f"{_plural(files, 'file')}: {holds or 'nothing'}; {found}"


def _plural(count: int, what: str) -> str:
    return f"{count} {what}{'' if count == 1 else 's'}"


def _check_file(
    path: Path,
    counts: Counter[str],
    definitions: list[tuple[str, bytes]],
    sigma: list[tuple[str, bytes]],
) -> list[Problem]:
    try:
        text = path.read_bytes()
        if recognise(str(path), text):
            counts["definition file"] += 1
            definitions.append((str(path), text))
            return []
        node = read_yaml(text, str(path))
        keys = set(node.items) if isinstance(node, YamlMapping) else set()
        if "sigma_files" in keys:
            counts["Sigma test"] += len(load_sigma_tests(text, str(path)).tests)
            return []
        configures = keys & CONFIG_KEYS[""].keys()
        # A rule may have keys of its own, a configuration has no title.
        if keys & {"detection", "correlation"} and ("title" in keys or not configures):
            sigma.append((str(path), text))
            return []
        if "tests" in keys or "rule_files" in keys:
            counts["rule test"] += len(load_test_file(text, str(path)).tests)
            return []
        if "controls" in keys:
            counts["control"] += len(load_catalogue(text, str(path)).controls)
            return []
        if configures:
            return _check_config(load_config(path), counts)
        return _count(load_rule_file(text, str(path)), counts)
    except FileErrors as error:
        return error.problems
    except OSError as error:
        return [Problem(Span(str(path)), f"can't read it: {error.strerror}")]


def _check_sigma(files: list[tuple[str, bytes]], counts: Counter[str]) -> list[Problem]:
    try:
        rules = load_sigma(files)
    except FileErrors as error:
        return error.problems
    except TocsinError as error:
        return [Problem(Span(files[0][0]), error.what, error.hint)]
    _count_sigma(rules, counts)
    return list(rules.warnings)


def _count_sigma(rules: RuleSet, counts: Counter[str]) -> None:
    for what, found in (
        ("Sigma rule", rules.detections),
        ("Sigma correlation", rules.correlations),
    ):
        if found:
            counts[what] += len(found)


def _count(file: RuleFile, counts: Counter[str]) -> list[Problem]:
    rules = [rule for group in file.groups for rule in group.rules]
    counts["rule group"] += len(file.groups)
    counts["alerting rule"] += sum(isinstance(rule, AlertingRule) for rule in rules)
    counts["recording rule"] += sum(isinstance(rule, RecordingRule) for rule in rules)
    return list(file.warnings)


def _check_config(config: Config, counts: Counter[str]) -> list[Problem]:
    for what, things in (
        ("target", config.targets),
        ("log group", config.logs.groups),
        ("metric filter", config.logs.definitions.filters),
        ("alarm", config.logs.definitions.alarms),
        ("receiver", config.receivers),
        ("control", [c for e in config.catalogues if e.path not in SHIPPED for c in e.controls]),
    ):
        if things:
            counts[what] += len(things)
    _count_sigma(config.logs.rules, counts)
    for file in config.rule_files:
        _count(file, counts)
    problems = list(config.warnings)
    exposed: set[str] = set()
    scraped = asyncio.run(_scrape_all(config.targets))
    for target, outcome in zip(config.targets, scraped, strict=True):
        if isinstance(outcome, Exposition):
            exposed |= {labels.name for labels in outcome.labels}
        else:
            what = f"target {target.shown_url} does not answer: {outcome.detail}"
            problems.append(Problem(Span(config.path), what, "is it running?", "warning"))
    if exposed and all(isinstance(outcome, Exposition) for outcome in scraped):
        recorded = {
            rule.record
            for file in config.rule_files
            for group in file.groups
            for rule in group.rules
            if isinstance(rule, RecordingRule)
        }
        report = {"up", "scrape_duration_seconds", "scrape_samples_scraped"}
        problems += lint_metrics(config.rule_files, exposed | report, recorded)
    return problems


async def _scrape_all(targets: Sequence[Target]) -> list[Exposition | Failed]:
    async with make_client() as client:
        scraped = await asyncio.gather(
            *(
                fetch(client, target, Reader(target.limits), lambda: time.monotonic_ns() // 1000)
                for target in targets
            )
        )
    return [each.outcome for each in scraped]
