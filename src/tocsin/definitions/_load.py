"""From files to definitions: every form, every mistake, nothing dropped in silence."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tocsin.alarms import CompositeAlarm
from tocsin.definitions._composites import sort_out
from tocsin.definitions._describe import is_describe, read_describe
from tocsin.definitions._hcl import read_hcl
from tocsin.definitions._hints import hints
from tocsin.definitions._make import make
from tocsin.definitions._resource import Reading
from tocsin.definitions._template import is_template, read_template
from tocsin.definitions._terraform import form_of, read_state_file, read_terraform
from tocsin.definitions._tree import decode_json, from_json, from_yaml
from tocsin.errors import FileErrors, Problem, Span
from tocsin.pattern import MetricFilter, lint
from tocsin.yamlfile import read_yaml

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tocsin.alarms import MetricAlarm
    from tocsin.definitions._fields import Fields
    from tocsin.definitions._make import Made

__all__ = ["Definitions", "load_definitions", "recognise"]

_HCL = re.compile(
    rb"^[ \t]*(?:resource|variable|module|data|output|provider)[ \t]+\"[^\"\n]*\""
    rb"(?:[ \t]+\"[^\"\n]*\")?[ \t]*\{|^[ \t]*(?:locals|terraform)[ \t]*\{",
    re.MULTILINE,
)
_TEMPLATE = re.compile(rb"^(?:AWSTemplateFormatVersion|Resources)[ \t]*:", re.MULTILINE)
_JSON_START = (b"{", b"[")
_HINT = "`terraform show -json` of a plan or a state resolves everything"
_LOOK = 1 << 20


@dataclass(frozen=True, slots=True)
class Definitions:
    """What a set of files defines."""

    filters: tuple[MetricFilter, ...] = ()
    alarms: tuple[MetricAlarm | CompositeAlarm, ...] = ()
    """Composite alarms come last."""
    unresolved: tuple[Problem, ...] = ()
    """One for each resource that the files do not tell in full: warnings."""
    errors: tuple[Problem, ...] = ()
    """Mistakes, and what is not supported."""
    warnings: tuple[Problem, ...] = ()
    """Of the pattern linter, and about alarms that hardly do what they seem to."""

    @property
    def problems(self) -> tuple[Problem, ...]:
        return (*self.errors, *self.unresolved, *self.warnings)

    @property
    def counts(self) -> dict[str, int]:
        return {
            "metric filter": len(self.filters),
            "alarm": len(self.alarms),
            "unresolved": len(self.unresolved),
        }

    @property
    def holds(self) -> str:
        """`15 metric filters, 15 alarms, 0 unresolved`."""
        filters, alarms, unresolved = self.counts.values()
        return (
            f"{filters} metric filter{'' if filters == 1 else 's'}, "
            f"{alarms} alarm{'' if alarms == 1 else 's'}, {unresolved} unresolved"
        )


def recognise(path: str, data: bytes) -> str:
    """Which form of definition file this is, or nothing: a look, not a check."""
    start = data[:_LOOK].removeprefix(b"\xef\xbb\xbf").lstrip()
    if start.startswith(_JSON_START):
        try:
            top = decode_json(data, path)
        except FileErrors:
            return "json" if path.endswith(".json") else ""
        if is_describe(top):
            return "describe"
        return form_of(top) or ("cloudformation" if is_template(top) else "")
    if path.endswith(".tf") or _HCL.search(start):
        return "hcl"
    return "cloudformation" if _TEMPLATE.search(start) else ""


def load_definitions(
    files: Sequence[tuple[str, bytes]], parameters: Mapping[str, str] | None = None
) -> Definitions:
    """Read files of any form, given as path and content; nothing is raised.

    `parameters` are those of CloudFormation templates, pseudo parameters among them
    (`AWS::Region`), and variables of Terraform sources. Terraform sources in one folder
    are one module, as Terraform has it.
    """
    reading = Reading()
    given = dict(parameters or {})
    sources: list[tuple[str, bytes]] = []
    for path, data in files:
        try:
            _read(path, data, given, reading, sources)
        except FileErrors as error:
            reading.errors += error.problems
    read_hcl(sources, given, reading)
    return _Gathering(reading).definitions()


def _read(
    path: str,
    data: bytes,
    parameters: Mapping[str, str],
    reading: Reading,
    sources: list[tuple[str, bytes]],
) -> None:
    start = data[:_LOOK].removeprefix(b"\xef\xbb\xbf").lstrip()
    if start.startswith(_JSON_START) and not path.endswith((".tf", ".yaml", ".yml")):
        _read_json(path, data, parameters, reading)
    elif path.endswith(".tf") or _HCL.search(start):
        sources.append((path, data))
    else:
        tree = from_yaml(read_yaml(data, path))
        if not is_template(tree.value):
            raise _not_known(path)
        read_template(tree, parameters, reading)


def _read_json(path: str, data: bytes, parameters: Mapping[str, str], reading: Reading) -> None:
    top = decode_json(data, path)
    form = form_of(top)
    if is_describe(top):
        read_describe(top, path, reading)
    elif form == "terraform state file":
        read_state_file(top, path, reading)
    elif form:
        read_terraform(top, path, reading)
    elif is_template(top):
        read_template(from_json(top, path), parameters, reading)
    elif path.endswith(".tf.json") or (isinstance(top, dict) and "resource" in top):
        what = "Terraform sources in JSON are not read"
        raise FileErrors([Problem(Span(path), what, _HINT)])
    else:
        raise _not_known(path)


def _not_known(path: str) -> FileErrors:
    what = "holds no metric filters or alarms in a form that is known"
    hint = (
        "known: output of `aws logs describe-metric-filters` and `aws cloudwatch "
        "describe-alarms`, `terraform show -json`, CloudFormation templates, .tf files"
    )
    return FileErrors([Problem(Span(path), what, hint)])


class _Gathering:
    """Making definitions of resources, and looking at them together."""

    def __init__(self, reading: Reading) -> None:
        self.reading = reading
        self.made: dict[tuple[str, ...], tuple[Made, Span]] = {}

    def definitions(self) -> Definitions:
        reading = self.reading
        for resource in reading.resources:
            made, fields = make(resource)
            reading.errors += fields.errors
            if fields.unknown and not fields.errors:
                self._unresolved(fields)
            elif made is not None:
                self._keep(made, resource.body.span)
        self._composites()
        filters = [(e, span) for e, span in self.made.values() if isinstance(e, MetricFilter)]
        alarms = [(e, span) for e, span in self.made.values() if not isinstance(e, MetricFilter)]
        alarms.sort(key=lambda found: isinstance(found[0], CompositeAlarm))
        for each, span in filters:
            reading.warnings += _lint(each, span)
        reading.warnings += hints(
            [each for each, _ in filters],
            alarms,
            complete=not (reading.errors or reading.unresolved),
        )
        return Definitions(
            tuple(each for each, _ in filters),
            tuple(each for each, _ in alarms),
            tuple(dict.fromkeys(reading.unresolved)),
            tuple(dict.fromkeys(reading.errors)),
            tuple(dict.fromkeys(reading.warnings)),
        )

    def _unresolved(self, fields: Fields) -> None:
        owner = f"{fields.resource.kind} {fields.resource.label!r}"
        reasons = "; ".join(dict.fromkeys(reason for _, reason in fields.unknown))
        what = f"{owner} is unresolved: {reasons}"
        span = fields.unknown[0][0].span
        self.reading.unresolved.append(Problem(span, what, fields.resource.hint, "warning"))

    def _keep(self, made: Made, span: Span) -> None:
        filter_ = isinstance(made, MetricFilter)
        key = ("filter", *made.key) if isinstance(made, MetricFilter) else ("", made.alarm_name)
        before = self.made.get(key)
        if before is None:
            self.made[key] = made, span
            return
        what = f"{'metric filter' if filter_ else 'alarm'} {key[-1]!r} is given twice"
        if before[0] == made:
            what += f", the same as in {before[1]}, and counted once"
            self.reading.warnings.append(Problem(span, what, "keep one", "warning"))
        else:
            what += f" with different content, first in {before[1]}"
            self.reading.errors.append(Problem(span, what, "keep one"))

    def _composites(self) -> None:
        alarms = {
            made.alarm_name: made
            for made, _ in self.made.values()
            if not isinstance(made, MetricFilter)
        }
        orphans, circles = sort_out(alarms)
        for name, missing in orphans.items():
            _, span = self.made.pop(("", name))
            listed = ", ".join(repr(each) for each in missing[:10])
            what = f"composite alarm {name!r} is unresolved: no alarm {listed} here"
            hint = "give the files that define all of its alarms"
            self.reading.unresolved.append(Problem(span, what, hint, "warning"))
        for name in circles:
            _, span = self.made.pop(("", name))
            what = f"composite alarm {name!r} depends on a circle of composite alarms"
            hint = "set the rule of one of them to FALSE to break the circle"
            self.reading.errors.append(Problem(span, what, hint))


def _lint(made: MetricFilter, span: Span) -> list[Problem]:
    return [
        Problem(
            span,
            f"metric filter {made.name!r}: pattern, column {each.span.column}: {each.what}",
            each.hint,
            "warning",
        )
        for each in lint(made.pattern)
    ]
