"""Run filter-pattern cases: `python -m tests.conformance.filter_patterns FILE.json`.

Two forms are read. A list of cases: `pattern`, `message`, `matches`, perhaps `extracted`, or
`"valid": false` for a pattern that must be refused. And a mapping with `controls`: each with a
`pattern`, its `variants`, which must all load, and `tests` of events for the pattern.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tocsin.errors import ParseError
from tocsin.pattern import match, parse


@dataclass(frozen=True)
class Result:
    """What became of one case."""

    name: str
    pattern: str
    expected: str
    got: str

    @property
    def passed(self) -> bool:
        return self.expected == self.got


def run_file(path: Path) -> list[Result]:
    content = json.loads(path.read_text(encoding="utf-8"))
    if isinstance(content, dict) and "controls" in content:
        return list(_controls(content["controls"]))
    cases = content["cases"] if isinstance(content, dict) else content
    return [_case(number, case) for number, case in enumerate(cases, 1)]


def _case(number: int, case: dict[str, Any]) -> Result:
    name = str(case.get("id", f"case {number}"))
    pattern = case["pattern"]
    valid = case.get("valid", True) is not False
    try:
        parsed = parse(pattern)
    except ParseError as error:
        expected = f"matches={case.get('matches')}" if valid else "refused"
        return Result(name, pattern, expected, f"refused: {error}" if valid else "refused")
    if not valid:
        return Result(name, pattern, "refused", "accepted")
    found = match(parsed, case["message"] or "")
    expected, got = f"matches={case['matches']}", f"matches={found.matched}"
    if case.get("extracted") is not None:
        expected += f" {json.dumps(case['extracted'], sort_keys=True)}"
        got += f" {json.dumps(found.extracted, sort_keys=True)}"
    return Result(name, pattern, expected, got)


def _controls(controls: list[dict[str, Any]]) -> Iterator[Result]:
    for control in controls:
        pattern = control["pattern"]
        for number, variant in enumerate(control["variants"], 1):
            yield _loads(f"{control['id']} variant {number}", variant["pattern"])
        yield _loads(control["id"], pattern)
        for number, test in enumerate(control["tests"], 1):
            case = {**test, "pattern": pattern, "id": f"{control['id']} event {number}"}
            yield _case(number, {**case, "message": json.dumps(test["event"])})


def _loads(name: str, pattern: str) -> Result:
    try:
        parse(pattern)
    except ParseError as error:
        return Result(name, pattern, "accepted", f"refused: {error}")
    return Result(name, pattern, "accepted", "accepted")


def main(arguments: list[str]) -> int:
    results = [result for path in arguments for result in run_file(Path(path))]
    failed = [result for result in results if not result.passed]
    for result in failed:
        print(f"{result.name}: {result.pattern}: expected {result.expected}, got {result.got}")
    print(f"{len(results) - len(failed)} passed, {len(failed)} failed")
    return 1 if failed or not results else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
