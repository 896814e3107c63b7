"""Sigma rule files and Sigma correlation files, read by pySigma and compiled.

Sources: Sigma specification 2.1.0, "Sigma rules" and "Sigma correlation rules". What is not
supported is refused here, by name; a rule is never evaluated in part.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import yaml

from tocsin.correlation._compile import compile_correlation, compile_detection
from tocsin.correlation._mistakes import note_mistakes, sentence, unknown_keys
from tocsin.correlation._model import Correlation, Detection, RuleSet
from tocsin.correlation._shapes import misshapen
from tocsin.correlation._specified import as_pysigma
from tocsin.errors import FileErrors, ParseError, Problem, RuleError, Span
from tocsin.yamlfile import YamlMapping, read_yaml_documents

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

__all__ = ["load_sigma"]

_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def load_sigma(sources: Sequence[tuple[str, bytes]]) -> RuleSet:
    """The rules of files, given as path and content.

    A correlation may refer to a rule of another file, by name or id. Raises RuleError with all
    the mistakes of all files.
    """
    problems: list[Problem] = []
    detections: dict[str, tuple[Any, YamlMapping]] = {}
    correlations: dict[str, tuple[Any, YamlMapping]] = {}
    names: dict[str, str] = {}
    for path, data in sources:
        try:
            for content, node in _documents(data, path):
                rule = _parse(content, node, problems)
                # What is wrong with a rule is no reason to say that there is none.
                known = content if rule is None else vars(rule)
                given = {str(known[key]) for key in ("name", "id") if known.get(key)}
                name = str(known.get("name") or known.get("id") or known.get("title"))
                if not given and name in names:
                    # Nothing can refer to it, so any name will do that tells it from others.
                    name = f"{name} ({node.span})"
                given = given or {name}
                twice = sorted(given & names.keys())
                problems += [Problem(node.span, f"a second rule named {n!r}") for n in twice]
                names |= dict.fromkeys(given, name)
                if rule is not None:
                    (correlations if "correlation" in content else detections)[name] = rule, node
        except FileErrors as error:
            problems += error.problems
    wanted: dict[str, bool] = {}
    """The rules that are referred to, and whether they are alerts by themselves too."""
    made = []
    for name, (rule, node) in correlations.items():
        found = compile_correlation(name, rule, node, names, problems)
        if found is not None:
            made.append(found)
            for each in found.rules:
                wanted[each] = wanted.get(each, False) or bool(rule.generate)
    compiled = [
        compile_detection(name, rule, node, alone=wanted.get(name, True), problems=problems)
        for name, (rule, node) in detections.items()
    ]
    ordered = _ordered(made, wanted, problems)
    if any(each.severity == "error" for each in problems):
        raise RuleError(problems)
    found_detections: list[Detection] = [each for each in compiled if each is not None]
    return RuleSet(
        tuple(found_detections), tuple(ordered), tuple(problems),
        tuple((path, bytes(data)) for path, data in sources), names,
    )  # fmt: skip


def _documents(data: bytes, path: str) -> Iterator[tuple[dict[str, Any], YamlMapping]]:
    # The first reading knows places and bounds what aliases may grow to.
    nodes = list(read_yaml_documents(data, path))
    try:
        contents = list(yaml.load_all(data, _LOADER))
    except (yaml.YAMLError, ValueError) as error:
        raise RuleError([Problem(Span(path), " ".join(str(error).split()))]) from None
    for node, content in zip(nodes, contents, strict=True):
        if content is None:
            continue
        if not isinstance(node, YamlMapping) or not isinstance(content, dict):
            raise RuleError([Problem(node.span, "a Sigma rule must be a mapping")])
        yield content, node


def _parse(content: dict[str, Any], node: YamlMapping, problems: list[Problem]) -> Any:
    try:
        from sigma.correlations import SigmaCorrelationRule  # noqa: PLC0415 - an extra
        from sigma.exceptions import SigmaError  # noqa: PLC0415
        from sigma.rule import SigmaRule  # noqa: PLC0415
        from sigma.rule.detection import EmptySigmaDetections  # noqa: PLC0415

        from tocsin.correlation._atoms import POLICY  # noqa: PLC0415
    except ImportError:
        raise ParseError(
            "Sigma rules need the package pySigma", hint="pip install 'tocsin[sigma]'"
        ) from None
    for key in ("action", "filter"):
        if key in content:
            what = f"not supported: a Sigma document with {key!r}"
            problems.append(Problem(node.keys[key], what, "write each rule out"))
            return None
    problems += unknown_keys(node)
    if wrong := misshapen(content, node):
        problems += wrong
        return None
    errors: list[Exception] = []
    try:
        if "correlation" in content:
            content, errors = _with_condition(as_pysigma(content))
            rule: Any = SigmaCorrelationRule.from_dict(content, collect_errors=True)
        else:
            rule = SigmaRule.from_dict(as_pysigma(content), collect_errors=True, policy=POLICY)
    except (SigmaError, TypeError, AttributeError, ValueError) as error:
        problems.append(Problem(node.span, f"not a Sigma rule: {sentence(error)}"))
        return None
    errors += rule.errors
    problems += note_mistakes(errors, node)
    if errors and ("correlation" in content or isinstance(rule.detection, EmptySigmaDetections)):
        return None
    return rule


def _with_condition(content: dict[str, Any]) -> tuple[dict[str, Any], list[Exception]]:
    """The correlation with a condition that can be read, for pySigma ends at one that can't."""
    from sigma.correlations import SigmaCorrelationCondition  # noqa: PLC0415 - an extra
    from sigma.exceptions import SigmaCorrelationConditionError  # noqa: PLC0415

    body = content["correlation"]
    condition = body.get("condition") if isinstance(body, dict) else None
    if isinstance(condition, dict):
        try:
            SigmaCorrelationCondition.from_dict(condition)
        except SigmaCorrelationConditionError as error:
            return content | {"correlation": body | {"condition": {"gte": 1}}}, [error]
    return content, []


def _ordered(
    made: list[Correlation], wanted: dict[str, bool], problems: list[Problem]
) -> list[Correlation]:
    """Each after those it refers to; a circle is a mistake."""
    by_name = {each.name: each for each in made}
    placed: dict[str, Correlation] = {}
    under_way: set[str] = set()

    def place(one: Correlation) -> None:
        if one.name in placed:
            return
        if one.name in under_way:
            problems.append(Problem(one.span, f"correlation {one.name!r} refers to itself"))
            return
        under_way.add(one.name)
        for name in one.rules:
            if name in by_name:
                place(by_name[name])
        placed[one.name] = one

    for each in made:
        place(each)
    return [replace(each, alone=wanted.get(each.name, True)) for each in placed.values()]
