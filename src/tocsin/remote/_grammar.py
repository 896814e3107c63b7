"""The two exposition formats, one line at a time.

Sources: Prometheus documentation, "Exposition formats" (text 0.0.4 and 1.0.0), and the
OpenMetrics 1.0 specification. As in Prometheus, a metric keeps the name it is written
with and families are not checked for consistency: what Prometheus scrapes, Tocsin does.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from tocsin.errors import ParseError
from tocsin.labels import METRIC_NAME, Labels

if TYPE_CHECKING:
    from tocsin.series import LabelLimits

__all__ = ["NUMBER", "OPENMETRICS", "TEXT", "Grammar", "read_comment", "read_series"]

_NAME = r"[a-zA-Z_:][a-zA-Z0-9_:]*+"
_QUOTED = r'"(?:[^"\\]|\\.)*+"'
_BLOCK = rf'\{{(?:[^"}}]++|{_QUOTED})*+\}}'
_SERIES = rf"(?:{_NAME}(?:[ \t]*+{_BLOCK})?+|{_BLOCK})"
_TERM = re.compile(
    r'[ \t]*+(?:(?P<name>[a-zA-Z_][a-zA-Z0-9_]*+)|"(?P<quoted>(?:[^"\\]|\\.)*+)")[ \t]*+'
    r'(?:=[ \t]*+"(?P<value>(?:[^"\\]|\\.)*+)"[ \t]*+)?+'
)
_HEAD = re.compile(_NAME)
_ESCAPE = re.compile(r'\\[\\n"]')
_PLAIN = {"\\\\": "\\", "\\n": "\n", '\\"': '"'}
_COMMENT = re.compile(
    rf"#[ \t]+(HELP|TYPE|UNIT)[ \t]+({_NAME}|{_QUOTED})(?:[ \t]+(.*))?", re.DOTALL
)
_TYPES = frozenset(
    {
        "counter",
        "gauge",
        "gaugehistogram",
        "histogram",
        "info",
        "stateset",
        "summary",
        "unknown",
        "untyped",
    }
)

NUMBER = re.compile(
    r"[+-]?(?:(?:[0-9]++(?:\.[0-9]*+)?+|\.[0-9]++)(?:[eE][+-]?[0-9]++)?+|[iI][nN][fF](?:inity)?)"
    r"|[nN][aA][nN]"
)
"""A float as Go reads it, without hexadecimal digits and underscores."""


class Grammar(NamedTuple):
    """How a format writes a sample: `series`, `value`, `time`."""

    sample: re.Pattern[str]
    scale: int
    """Microseconds in one unit of time."""
    terminated: bool
    """Whether the text must end with `# EOF`."""


TEXT = Grammar(
    re.compile(
        rf"[ \t]*+(?P<series>{_SERIES})[ \t]*+(?P<value>(?<=[ \t}}])[^ \t{{]++)"
        r"(?:[ \t]++(?P<time>-?[0-9]{1,18}))?+[ \t]*+"
    ),
    1_000,
    False,
)
OPENMETRICS = Grammar(
    re.compile(
        rf"(?P<series>{_SERIES}) (?P<value>[^ {{]++)(?: (?P<time>[0-9.eE+-]{{1,40}}))?+"
        rf"(?: # {_BLOCK} [^ ]++(?: [^ ]++)?+)?+"
    ),
    1_000_000,
    True,
)


def read_series(text: str, limits: LabelLimits) -> Labels | None:
    """The label set of `name{label="value"}`, or None if it exceeds the limits.

    Raises ParseError.
    """
    pairs: dict[str, str] = {}
    end = 0
    if (head := _HEAD.match(text)) is not None:
        pairs[METRIC_NAME] = head.group()
        end = head.end()
    if (start := text.find("{", end)) >= 0:
        _read_terms(text, start + 1, pairs)
    if METRIC_NAME not in pairs:
        raise ParseError("a sample without a metric name")
    if len(pairs) > limits.labels or any(
        len(name) > limits.name or len(value) > limits.value for name, value in pairs.items()
    ):
        return None
    return Labels(pairs)


def _read_terms(text: str, at: int, pairs: dict[str, str]) -> None:
    last = len(text) - 1
    # A comma after the last label is allowed, one alone is not.
    while text[at:last].strip(" \t"):
        term = _TERM.match(text, at, last)
        if term is None:
            raise ParseError('a label that is not name="value"')
        name, quoted, value = term.group("name", "quoted", "value")
        if value is None:
            # Prometheus 3: the metric name itself, quoted, because it is not a plain one.
            if quoted is None:
                raise ParseError(f"label {name[:40]} has no value")
            name, value = METRIC_NAME, quoted
        elif name is None:
            name = _unescape(quoted)
        if name in pairs or not name:
            raise ParseError(f"label {name[:40]!r} is given twice or empty")
        pairs[name] = _unescape(value)
        at = term.end()
        if at < last:
            if text[at] != ",":
                raise ParseError("labels that are not separated by commas")
            at += 1


def read_comment(line: str) -> tuple[str, str, str] | None:
    """(`HELP`, `TYPE` or `UNIT`, metric, text) of a line of metadata; None for other comments.

    Raises ParseError.
    """
    match = _COMMENT.fullmatch(line)
    if match is None:
        return None
    kind, metric, text = match.groups(default="")
    if metric.startswith('"'):
        metric = _unescape(metric[1:-1])
    if kind == "TYPE":
        text = text.strip(" \t")
        if text not in _TYPES:
            raise ParseError(f"metric {metric[:40]} has an unknown type")
        text = "unknown" if text == "untyped" else text
    return kind, metric, _unescape(text)


def _unescape(text: str) -> str:
    return _ESCAPE.sub(lambda m: _PLAIN[m.group()], text) if "\\" in text else text
