"""`tocsin test`: promtool's rule unit tests, and tests of Sigma files."""

from __future__ import annotations

import glob
from pathlib import Path
from typing import TYPE_CHECKING

import click

from tocsin.cli._exit import ExitCode
from tocsin.cli._files import expand
from tocsin.cli._output import format_option, write_json
from tocsin.correlation import (
    SigmaTestFailure,
    load_sigma,
    load_sigma_tests,
    run_sigma_tests,
)
from tocsin.errors import FileErrors, Problem, RuleError, Span, TocsinError
from tocsin.rules import (
    RuleGroup,
    RuleTestFile,
    TestFailure,
    load_rule_file,
    load_test_file,
    run_test_file,
)
from tocsin.yamlfile import YamlMapping, read_yaml

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

__all__ = ["test"]


@click.command()
@click.argument("files", nargs=-1, required=True, metavar="FILE...", type=Path)
@format_option
def test(files: tuple[Path, ...], form: str) -> int:
    """Run promtool unit-test files and tests of Sigma files, or those in a folder.

    A test of Sigma files names them as `sigma_files`, gives events and lists the alerts that
    must come, each at its time.
    Exits with 0 if all passed, 1 if a test failed, 2 if a file is wrong.
    """
    code = ExitCode.OK
    report = []
    for path in _test_files(files):
        failures: Sequence[TestFailure | SigmaTestFailure] = []
        error = ""
        try:
            data = _read(path)
            if "sigma_files" in _keys(data, path):
                failures = _sigma(data, path)
            else:
                file = load_test_file(data, str(path))
                failures = run_test_file(file, _groups(file))
        except TocsinError as problem:
            error = str(problem)
        verdict = "wrong" if error else "failed" if failures else "passed"
        code = max(code, {"wrong": ExitCode.WRONG, "failed": ExitCode.FAILED}.get(verdict, code))
        report.append({
            "file": str(path), "verdict": verdict, "error": error,
            "failures": [
                {"place": str(each.span), "test": each.test, "what": each.what,
                 "expected": each.expected, "got": each.got}
                for each in failures
            ],
        })  # fmt: skip
        if form == "text":
            click.echo(f"{path}: {verdict}")
            for text in [error] if error else [str(each) for each in failures]:
                click.echo("  " + text.replace("\n", "\n  "))
    if form == "json":
        write_json(report)
    return code


def _test_files(paths: tuple[Path, ...]) -> Iterator[Path]:
    """What was named, and of a folder the files that hold tests."""
    for path, found in expand(paths):
        if not found or _may_hold_tests(path):
            yield path


def _may_hold_tests(path: Path) -> bool:
    try:
        return bool({"tests", "rule_files", "sigma_files"} & _keys(_read(path), path))
    except FileErrors:
        # What can't be read is told, not passed over.
        return True


def _keys(data: bytes, path: Path) -> set[str]:
    node = read_yaml(data, str(path))
    return set(node.items) if isinstance(node, YamlMapping) else set()


def _sigma(data: bytes, path: Path) -> list[SigmaTestFailure]:
    """The tests of Sigma files, each file read once."""
    file = load_sigma_tests(data, str(path))
    names: dict[str, None] = {}
    problems = []
    for pattern in file.sigma_files:
        found = sorted(glob.glob(str(path.parent / pattern)))
        if not found:
            problems.append(Problem(Span(file.path), f"no Sigma file matches {pattern!r}"))
        names |= dict.fromkeys(found)
    if problems:
        raise RuleError(problems)
    return run_sigma_tests(file, load_sigma([(name, _read(Path(name))) for name in names]))


def _groups(file: RuleTestFile) -> list[RuleGroup]:
    """The groups of every rule file that the test names, each file once."""
    problems: list[Problem] = []
    groups: list[RuleGroup] = []
    seen: set[str] = set()
    for pattern in file.rule_files:
        names = sorted(glob.glob(str(Path(file.path).parent / pattern)))
        if not names:
            problems.append(Problem(Span(file.path), f"no rule file matches {pattern!r}"))
        for name in names:
            if name in seen:
                continue
            seen.add(name)
            try:
                groups += load_rule_file(_read(Path(name)), name).groups
            except FileErrors as error:
                problems += error.problems
    if problems:
        raise RuleError(problems)
    return groups


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise RuleError([Problem(Span(str(path)), f"can't read it: {error.strerror}")]) from None
