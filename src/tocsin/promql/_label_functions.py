"""label_replace, label_join, the sorts by label, and the labels that absent gives.

Source: Prometheus 3.5, `promql/functions.go`.
"""

from __future__ import annotations

import re
from functools import cmp_to_key, lru_cache
from typing import TYPE_CHECKING

import numpy as np
import re2

from tocsin.errors import QueryError
from tocsin.labels import METRIC_NAME, Labels, MatchOp
from tocsin.promql._vectors import compressed, picked, unique

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from tocsin.labels import Matcher
    from tocsin.promql._result import Vector

__all__ = ["absent_labels", "label_join", "label_replace", "replacement_regex", "sort_by_label"]

_REFERENCE = re.compile(r"\$(?:(\$)|\{([A-Za-z0-9_]+)\}|([A-Za-z0-9_]+))?")


@lru_cache(maxsize=256)
def replacement_regex(pattern: str) -> re2._Regexp:
    """The regex of label_replace, which must match the whole value. Raises QueryError."""
    options = re2.Options()
    options.log_errors = False
    options.dot_nl = True
    options.max_mem = 1 << 20
    try:
        return re2.compile(pattern, options)
    except (re2.error, UnicodeError):
        raise QueryError(f"invalid regular expression in label_replace(): {pattern}") from None


def _expand(template: str, match: re2._Match, names: dict[str, int]) -> str:
    """Go's template: `$1`, `${1}`, `$name`, `$$`; an unknown group is empty."""

    def group(reference: re.Match[str]) -> str:
        if reference.group(1):
            return "$"
        name = reference.group(2) or reference.group(3)
        if name is None:
            return "$"
        number = int(name) if name.isascii() and name.isdigit() else names.get(name)
        if number is None or number > match.re.groups:
            return ""
        return match.group(number) or ""

    return _REFERENCE.sub(group, template)


def _check_name(name: str, function: str) -> None:
    if not name:
        raise QueryError(f"invalid destination label name in {function}(): {name}")


def label_replace(vector: Vector, target: str, template: str, source: str, pattern: str) -> Vector:
    _check_name(target, "label_replace")
    regex = replacement_regex(pattern)
    names = dict(regex.groupindex)
    vector = compressed(vector)

    def changed(labels: Labels) -> Labels:
        match = regex.fullmatch(labels[source])
        if match is None:
            return labels
        return labels.merged({target: _expand(template, match, names)})

    return _relabelled(vector, target, changed)


def label_join(vector: Vector, target: str, separator: str, sources: Sequence[str]) -> Vector:
    _check_name(target, "label_join")

    def changed(labels: Labels) -> Labels:
        return labels.merged({target: separator.join(labels[source] for source in sources)})

    return _relabelled(compressed(vector), target, changed)


def _relabelled(vector: Vector, target: str, change: Callable[[Labels], Labels]) -> Vector:
    labels = [change(each) for each in vector.labels]
    fading = vector.fading
    if fading is not None and target == METRIC_NAME:
        # A name that was written on purpose stays.
        kept = [new is old for new, old in zip(labels, vector.labels, strict=True)]
        fading = fading & np.array(kept, np.bool_)
    return unique(labels, vector.values, vector.present, fading, whole=True)


def absent_labels(matchers: Sequence[Matcher]) -> Labels:
    """The labels that equality fixes to one value; a name asked for twice is left out."""
    found: dict[str, str] = {}
    seen: set[str] = set()
    for matcher in matchers:
        if matcher.name == METRIC_NAME:
            continue
        if matcher.op is MatchOp.EQUAL and matcher.name not in seen:
            found[matcher.name] = matcher.value
            seen.add(matcher.name)
        else:
            found.pop(matcher.name, None)
    return Labels(found)


_CHUNKS = re.compile(r"[0-9]+|[^0-9]+")


def _natural(left: str, right: str) -> int:
    """Compare texts so that `a2` comes before `a10`."""
    ours, theirs = _CHUNKS.findall(left), _CHUNKS.findall(right)
    for mine, other in zip(ours, theirs, strict=False):
        if mine == other:
            continue
        if mine[0].isdigit() and other[0].isdigit() and int(mine) != int(other):
            return -1 if int(mine) < int(other) else 1
        return -1 if mine < other else 1
    return len(ours) - len(theirs)


def sort_by_label(vector: Vector, names: Sequence[str], *, descending: bool) -> Vector:
    def compare(left: int, right: int) -> int:
        ours, theirs = vector.labels[left], vector.labels[right]
        for name in names:
            if ours[name] != theirs[name]:
                return _natural(ours[name], theirs[name])
        return -1 if ours < theirs else 1

    if vector.values.shape[1] != 1:
        return vector
    vector = compressed(vector)
    rows = sorted(range(len(vector.labels)), key=cmp_to_key(compare), reverse=descending)
    return picked(vector, np.array(rows, np.int64))
