"""Metric filters: which events of a log group make which datapoints.

Source: API reference, PutMetricFilter and MetricTransformation; CloudWatch Logs User Guide,
"Filter pattern syntax for metric filters" (dimensions).
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tocsin.errors import ConfigError, ParseError, Problem, Span
from tocsin.pattern._parse import parse
from tocsin.pattern._reference import Reference, parse_reference
from tocsin.pattern._syntax import Fields, Json

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tocsin.pattern._syntax import Pattern

__all__ = ["UNITS", "MetricFilter", "Transformation", "make_filter"]

_SIZES = [
    f"{size}{what}" for what in ("bytes", "bits") for size in ("", "kilo", "mega", "giga", "tera")
]
UNITS = frozenset(
    ["Seconds", "Microseconds", "Milliseconds", "Percent", "Count", "Count/Second", "None"]
    + [each.capitalize() for each in _SIZES]
    + [f"{each.capitalize()}/Second" for each in _SIZES]
)
"""The units of CloudWatch metrics."""

MAX_DIMENSIONS = 3
SYSTEM_DIMENSIONS = frozenset({"@aws.account", "@aws.region"})
_FILTER_NAME = re.compile(r"[^:*]{1,512}")
_LOG_GROUP = re.compile(r"[._/#A-Za-z0-9-]{1,512}", re.ASCII)
_METRIC_NAME = re.compile(r"[^:*$]{1,255}")
_LONGEST_VALUE = 100
_LONGEST_DIMENSION = 255


@dataclass(frozen=True, slots=True)
class Transformation:
    """What a match adds to which metric, as the definition says it."""

    metric: str
    namespace: str
    value: str
    """A number, `$.field`, `$name` or `$7`."""
    default: float | None = None
    """What a minute with events and without matches shows."""
    unit: str = "None"
    dimensions: tuple[tuple[str, str], ...] = ()
    """(name, `$.field` or `$name`), three at most."""


@dataclass(frozen=True, slots=True)
class MetricFilter:
    """A metric filter that AWS would accept. Make it with `make_filter`."""

    name: str
    log_group: str
    pattern: Pattern
    transformation: Transformation
    """AWS allows exactly one."""
    system_dimensions: tuple[str, ...] = ()
    """`@aws.account`, `@aws.region`; whoever feeds the events knows their values."""
    value: Reference = field(default=1.0, repr=False, compare=False)
    dimensions: tuple[tuple[str, Reference], ...] = field(default=(), repr=False, compare=False)

    @property
    def key(self) -> tuple[str, str]:
        return self.log_group, self.name


def make_filter(
    *,
    name: str,
    log_group: str,
    pattern: str,
    transformations: Sequence[Transformation],
    system_dimensions: Sequence[str] = (),
    span: Span | None = None,
) -> MetricFilter:
    """Check a definition and make the filter. Raises ConfigError with all that is wrong."""
    where = span or Span()
    problems = [
        Problem(where, f"metric filter {name!r}: {what}", hint)
        for what, hint in _names(name, log_group, transformations)
    ]
    try:
        parsed = parse(pattern)
    except ParseError as error:
        column = error.span.column if error.span else 0
        what = f"metric filter {name!r}: pattern, column {column}: {error.what}"
        raise ConfigError([*problems, Problem(where, what, error.hint)]) from None
    value: Reference = 1.0
    dimensions: list[tuple[str, Reference]] = []
    for transformation in transformations:
        for what, hint in _dimensions(parsed, transformation, system_dimensions):
            problems.append(Problem(where, f"metric filter {name!r}: {what}", hint))
        try:
            value = parse_reference(transformation.value, parsed)
        except ParseError as error:
            what = f"metric filter {name!r}: metric value: {error.what}"
            problems.append(Problem(where, what, error.hint))
        for label, text in transformation.dimensions:
            try:
                dimensions.append((label, parse_reference(text, parsed)))
            except ParseError as error:
                what = f"metric filter {name!r}: dimension {label!r}: {error.what}"
                problems.append(Problem(where, what, error.hint))
    if problems:
        raise ConfigError(problems)
    return MetricFilter(
        name,
        log_group,
        parsed,
        transformations[0],
        tuple(system_dimensions),
        value,
        tuple(dimensions),
    )


def _names(
    name: str, log_group: str, transformations: Sequence[Transformation]
) -> Iterator[tuple[str, str]]:
    if not _FILTER_NAME.fullmatch(name):
        yield "bad filter name", "1 to 512 characters, without : and *"
    if not _LOG_GROUP.fullmatch(log_group):
        yield f"bad log group name {log_group[:60]!r}", "letters, digits and . - _ / # only"
    if len(transformations) != 1:
        yield f"{len(transformations)} metric transformations", "AWS takes exactly one"
    for each in transformations:
        for what, text in (("metric name", each.metric), ("namespace", each.namespace)):
            if not _METRIC_NAME.fullmatch(text):
                yield f"bad {what} {text[:60]!r}", "1 to 255 characters, without : * $"
        if len(each.value) > _LONGEST_VALUE:
            yield "the metric value is too long", f"{_LONGEST_VALUE} characters at most"
        if each.unit not in UNITS:
            yield f"unknown unit {each.unit[:40]!r}", "for example Count, Seconds, Bytes or None"
        if each.default is not None and not math.isfinite(each.default):
            yield "the default value is no number", "0 is the usual one"


def _dimensions(
    pattern: Pattern, transformation: Transformation, system: Sequence[str]
) -> Iterator[tuple[str, str]]:
    labels = [label for label, _ in transformation.dimensions]
    count = len(labels) + len(system)
    if count > MAX_DIMENSIONS:
        yield f"{count} dimensions", f"AWS takes {MAX_DIMENSIONS}, those of system fields included"
    if labels and not isinstance(pattern.body, Json | Fields):
        yield (
            "the specified filter pattern does not support dimensions",
            "use a JSON or a space-delimited pattern",
        )
    if count and transformation.default is not None:
        yield "a default value together with dimensions", "remove one of the two"
    if len(set(labels)) < len(labels):
        yield "two dimensions have the same name", "give each its own"
    for label, text in transformation.dimensions:
        if not label.strip() or len(label) > _LONGEST_DIMENSION or label.startswith(":"):
            yield f"bad dimension name {label[:60]!r}", "1 to 255 characters, not : first"
        if not text.startswith("$"):
            yield f"dimension {label!r} is the constant {text[:40]!r}", "write $.field or $name"
    for each in system:
        if each not in SYSTEM_DIMENSIONS:
            yield f"unknown system field {each[:40]!r}", "@aws.account or @aws.region"
