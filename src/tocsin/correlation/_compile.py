"""One parsed Sigma rule to a detection or a correlation."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from tocsin.correlation._mistakes import sentence
from tocsin.correlation._model import Atom, Correlation, Detection, Expression, Test
from tocsin.correlation._number import plain_number
from tocsin.correlation._specified import range_of
from tocsin.correlation._taxonomy import field_names, log_source
from tocsin.durations import SECOND
from tocsin.errors import ParseError, Problem, UnsupportedError
from tocsin.yamlfile import YamlMapping, YamlScalar

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tocsin.correlation._model import Kind
    from tocsin.errors import Span

__all__ = ["compile_correlation", "compile_detection"]

_LARGEST = 1_000_000
"""The largest number that a count may be compared with: so many times are kept for each key."""


def compile_detection(
    name: str, rule: Any, node: YamlMapping, *, alone: bool, problems: list[Problem]
) -> Detection | None:
    """A Sigma rule; notes what is wrong with it."""
    from sigma.exceptions import SigmaConditionError, SigmaError  # noqa: PLC0415 - an extra

    span = node.keys.get("detection", node.span)
    compiler = _Compiler()
    try:
        parts = [compiler.tree(each.parsed) for each in rule.detection.parsed_condition]
        condition: Expression = ("or", *parts)
        condition = ("and", condition, *compiler.log_source(rule.logsource, node, problems))
    except UnsupportedError as error:
        problems.append(Problem(span, f"not supported: {error.what}"))
        return None
    except SigmaConditionError as error:
        inner = node.items.get("detection")
        where = inner.keys.get("condition", span) if isinstance(inner, YamlMapping) else span
        problems.append(Problem(where, sentence(error)))
        return None
    except ParseError as error:
        problems.append(Problem(span, error.what, error.hint))
        return None
    except SigmaError as error:
        problems.append(Problem(span, sentence(error)))
        return None
    return Detection(
        name, str(rule.title or name), _level(rule), _tags(rule), alone,
        tuple(compiler.atoms), condition, node.span,
    )  # fmt: skip


class _Compiler:
    def __init__(self) -> None:
        self.atoms: list[Atom] = []

    def tree(self, item: Any) -> Expression:
        """An expression of pySigma's condition tree. Raises UnsupportedError, ParseError."""
        from sigma.conditions import (  # noqa: PLC0415 - an extra
            ConditionAND,
            ConditionFieldEqualsValueExpression,
            ConditionNOT,
            ConditionOR,
            ConditionValueExpression,
        )
        from sigma.types import SigmaExpansion  # noqa: PLC0415

        from tocsin.correlation._atoms import field_atom, keyword_atom  # noqa: PLC0415

        match item:
            case ConditionAND():
                return ("and", *(self.tree(each) for each in item.args))
            case ConditionOR():
                return ("or", *(self.tree(each) for each in item.args))
            case ConditionNOT():
                return ("not", self.tree(item.args[0]))
            case ConditionFieldEqualsValueExpression():
                if isinstance(item.value, SigmaExpansion):
                    atoms = (field_atom(item.field, each) for each in item.value.values)
                    return ("or", *(self._atom(each) for each in atoms))
                return self._atom(field_atom(item.field, item.value))
            case ConditionValueExpression():
                if isinstance(item.value, SigmaExpansion):
                    return ("or", *(self._atom(keyword_atom(e)) for e in item.value.values))
                return self._atom(keyword_atom(item.value))
        raise UnsupportedError(f"a condition with {type(item).__name__}")

    def log_source(
        self, source: Any, node: YamlMapping, problems: list[Problem]
    ) -> list[Expression]:
        """What the log source asks for."""
        from tocsin.correlation._atoms import one_of  # noqa: PLC0415 - needs an extra

        found: list[Expression] = []
        for kind in ("category", "product", "service"):
            value = getattr(source, kind)
            if value is None:
                continue
            fields = log_source(kind, str(value))
            if fields is None:
                what = f"log source {kind} {str(value)!r} is not mapped: every event is looked at"
                span = node.keys.get("logsource", node.span)
                problems.append(Problem(span, what, severity="warning"))
                continue
            found += [self._atom(one_of(name, values)) for name, values in fields.items()]
        return found

    def _atom(self, atom: Atom) -> Expression:
        self.atoms.append(atom)
        return ("atom", len(self.atoms) - 1)


def compile_correlation(
    name: str,
    rule: Any,
    node: YamlMapping,
    names: Mapping[str, str],
    problems: list[Problem],
) -> Correlation | None:
    """A Sigma correlation rule; notes what is wrong with it."""
    from sigma.correlations import SigmaExtendedCorrelationCondition  # noqa: PLC0415 - an extra

    span = node.keys.get("correlation", node.span)
    before = len(problems)
    kind = cast("Kind", rule.type.name.lower())
    condition = rule.condition
    extended = isinstance(condition, SigmaExtendedCorrelationCondition)
    given = condition.get_referenced_rules() if extended else [e.reference for e in rule.rules]
    for each in given:
        if each not in names:
            hint = "a rule is referred to by its name or id"
            problems.append(Problem(span, f"correlation {name!r}: no rule {each!r}", hint))
    rules = tuple(names.get(each, each) for each in given)
    if len(set(rules)) < len(rules):
        problems.append(Problem(span, f"correlation {name!r} refers to a rule twice"))
    if not rules:
        problems.append(Problem(span, f"correlation {name!r} refers to no rule"))
    expression: Expression | None = None
    test = Test("gte", max(1, len(rules)))
    if extended:
        if kind == "temporal_ordered":
            what = f"not supported: an extended condition of temporal_ordered, in {name!r}"
            problems.append(Problem(span, what))
        expression = _extended(condition.parsed, given)
    else:
        test = _test(condition, node, problems)
        _check(name, kind, test, condition, span, problems)
    for reference in _aliased(rule.aliases) - set(given):
        if names.get(reference) not in rules:
            what = f"correlation {name!r}: an alias for {reference!r}, which it does not refer to"
            problems.append(Problem(span, what, f"it refers to {', '.join(given)}"))
    group_by = tuple(rule.group_by or ())
    keys = tuple(
        tuple(_names(field, reference, rule.aliases, names) for field in group_by)
        for reference in rules
    )
    field = None if extended else condition.fieldref
    fields = field if isinstance(field, list) else [] if field is None else [field]
    if len(fields) > 1 and kind != "value_count":
        problems.append(Problem(span, f"correlation {name!r}: {kind} is of one field"))
    value = tuple(field_names(each) for each in fields)
    if len(problems) > before:
        return None
    if rule.timespan.unit == "M":
        what = f"correlation {name!r}: the timespan {rule.timespan.spec} is in months"
        problems.append(Problem(span, what, "minutes are a small m", "warning"))
    return Correlation(
        name, str(rule.title or name), _level(rule), _tags(rule), alone=True, kind=kind,
        rules=rules, group_by=group_by, keys=keys, timespan=rule.timespan.seconds * SECOND,
        test=test, span=span, value=value, expression=expression,
    )  # fmt: skip


def _check(
    name: str, kind: str, test: Test, condition: Any, span: Span, problems: list[Problem]
) -> None:
    if condition.fieldref is not None and kind in ("event_count", "temporal", "temporal_ordered"):
        what = f"correlation {name!r}: {kind} has no field"
        problems.append(Problem(span, what, "value_count counts the values of a field"))
    if kind in ("event_count", "value_count") and not (test.number >= 0 and test.most <= _LARGEST):
        what = f"correlation {name!r}: a count can't be compared with {test.number}"
        problems.append(Problem(span, what, f"0 to {_LARGEST}"))
    if condition.percentile is not None and kind != "value_percentile":
        problems.append(Problem(span, f"correlation {name!r}: percentile is of value_percentile"))
    if kind == "value_percentile" and condition.percentile is None:
        what = f"correlation {name!r}: value_percentile needs a percentile"
        problems.append(Problem(span, what))
    elif not 0 <= test.percentile <= 100:
        problems.append(Problem(span, f"correlation {name!r}: no percentile {test.percentile}"))


def _test(condition: Any, node: YamlMapping, problems: list[Problem]) -> Test:
    """The condition, and the upper end of a range, which pySigma was not told."""
    percentile, below = _percentile(condition), None
    inner = node.items.get("correlation")
    written = inner.items.get("condition") if isinstance(inner, YamlMapping) else None
    given = (
        written.items.get(condition.op.name.lower()) if isinstance(written, YamlMapping) else None
    )
    if isinstance(given, YamlScalar) and plain_number(given.text) is None:
        problems.append(Problem(given.span, f"{given.text[:40]!r} is no number", "such as 5"))
    if isinstance(written, YamlMapping) and (ends := range_of(written.items)) is not None:
        upper = written.items[ends[1]]
        found = plain_number(upper.text) if isinstance(upper, YamlScalar) else None
        if found is None:
            problems.append(Problem(upper.span, f"{ends[1]} needs a number", "such as 200"))
        else:
            below = Test(cast("Any", ends[1]), found)
    return Test(condition.op.name.lower(), condition.count, percentile, below)


def _aliased(aliases: Any) -> set[str]:
    """The rules that aliases name."""
    return {each.reference for alias in aliases.aliases.values() for each in alias.mapping}


def _percentile(condition: Any) -> int:
    return 50 if condition.percentile is None else int(condition.percentile)


def _names(field: str, rule: str, aliases: Any, names: Mapping[str, str]) -> tuple[str, ...]:
    """The names of a group-by field in the events of a rule."""
    alias = aliases.aliases.get(field)
    if alias is not None:
        for reference, given in alias.mapping.items():
            if names.get(reference.reference) == rule:
                return field_names(given)
    return field_names(field)


def _extended(item: Any, rules: list[str]) -> Expression:
    from sigma.correlations import (  # noqa: PLC0415 - an extra
        CorrelationConditionAND,
        CorrelationConditionNOT,
        SigmaRuleReference,
    )

    if isinstance(item, SigmaRuleReference):
        return ("atom", rules.index(item.reference))
    parts = tuple(_extended(each, rules) for each in item.args)
    if isinstance(item, CorrelationConditionNOT):
        return ("not", *parts)
    return ("and" if isinstance(item, CorrelationConditionAND) else "or", *parts)


def _level(rule: Any) -> str:
    from sigma.rule import SigmaLevel  # noqa: PLC0415 - an extra

    # What is no level stays as it is written, and is noted as a mistake.
    return rule.level.name.lower() if isinstance(rule.level, SigmaLevel) else ""


def _tags(rule: Any) -> tuple[str, ...]:
    return tuple(f"{each.namespace}.{each.name}" for each in rule.tags)
