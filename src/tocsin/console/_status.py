"""What rules, alerts, targets and the daemon itself look like in the Prometheus API."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tocsin.console._format import exponent
from tocsin.durations import SECOND, format_duration
from tocsin.notify import rfc3339
from tocsin.printable import printable

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tocsin.console._view import (
        AlarmView,
        AlertView,
        BuildInfo,
        CorrelationView,
        Identity,
        LogGroupView,
        RuleGroupView,
        RuleView,
        RuntimeInfo,
        TargetView,
    )
    from tocsin.correlation import TopOffender
    from tocsin.series import Metadata
    from tocsin.store import LedgerEntry, LedgerPeriod

__all__ = [
    "LEDGER_KINDS",
    "alarms_data",
    "alerts_data",
    "build_data",
    "correlations_data",
    "identity_data",
    "ledger_data",
    "log_groups_data",
    "metadata_data",
    "offenders_data",
    "rules_data",
    "runtime_data",
    "targets_data",
]

_RULE_TYPES = {"": None, "alert": "alerting", "record": "recording"}


def rules_data(groups: Sequence[RuleGroupView], kind: str) -> dict[str, Any]:
    """`kind`: `alert`, `record` or empty for both."""
    wanted = _RULE_TYPES[kind]
    found = []
    for group in groups:
        rules = [_rule(rule) for rule in group.rules if wanted is None or rule.type == wanted]
        if wanted is not None and not rules:
            continue
        found.append(
            {
                "name": group.name,
                "file": group.file,
                "rules": rules,
                "interval": group.interval / SECOND,
                "limit": group.limit,
                "evaluationTime": group.evaluation_time / SECOND,
                "lastEvaluation": rfc3339(group.last_evaluation),
            }
        )
    return {"groups": found}


def _rule(rule: RuleView) -> dict[str, Any]:
    shown: dict[str, Any] = {}
    if rule.type == "alerting":
        shown["state"] = rule.state
    shown |= {"name": rule.name, "query": rule.query}
    if rule.type == "alerting":
        shown |= {
            "duration": rule.hold / SECOND,
            "keepFiringFor": rule.keep_firing_for / SECOND,
            "labels": dict(rule.labels),
            "annotations": dict(rule.annotations),
            "alerts": [_alert(alert) for alert in rule.alerts],
        }
    elif rule.labels:
        shown["labels"] = dict(rule.labels)
    shown["health"] = rule.health
    if rule.last_error:
        shown["lastError"] = printable(rule.last_error, 1_000)
    return shown | {
        "evaluationTime": rule.evaluation_time / SECOND,
        "lastEvaluation": rfc3339(rule.last_evaluation),
        "type": rule.type,
    }


def alerts_data(alerts: Sequence[AlertView]) -> dict[str, Any]:
    return {"alerts": [_alert(alert) for alert in alerts]}


def _alert(alert: AlertView) -> dict[str, Any]:
    shown: dict[str, Any] = {
        "labels": dict(alert.labels),
        "annotations": dict(alert.annotations),
        "state": alert.state,
        "activeAt": rfc3339(alert.active_at),
    }
    if alert.keep_firing_since:
        shown["keepFiringSince"] = rfc3339(alert.keep_firing_since)
    return shown | {"value": exponent(alert.value)}


def targets_data(targets: Sequence[TargetView], state: str) -> dict[str, Any]:
    """`state`: `active`, `dropped` or `any`. Tocsin drops no targets."""
    shown = [] if state == "dropped" else [_target(target) for target in targets]
    return {"activeTargets": shown, "droppedTargets": []}


def _target(target: TargetView) -> dict[str, Any]:
    return {
        "discoveredLabels": target.discovered.to_dict(),
        "labels": target.labels.to_dict(),
        "scrapePool": target.job,
        "scrapeUrl": target.url,
        "globalUrl": target.url,
        "lastError": printable(target.last_error, 1_000),
        "lastScrape": rfc3339(target.last_scrape),
        "lastScrapeDuration": target.last_duration / SECOND,
        "health": target.health,
        "scrapeInterval": format_duration(target.interval),
        "scrapeTimeout": format_duration(target.timeout),
    }


def alarms_data(alarms: Sequence[AlarmView], name: str) -> dict[str, Any]:
    """All alarms, or those of a name."""
    return {
        "alarms": [
            {
                "name": each.name,
                "type": each.type,
                "description": printable(each.description, 1_000),
                "state": each.state,
                "reason": printable(each.reason, 1_000),
                "since": rfc3339(each.since),
                "evaluated": rfc3339(each.evaluated),
                "fed": each.fed,
                "firing": each.firing,
            }
            for each in alarms
            if not name or each.name == name
        ]
    }


def offenders_data(by: str, offenders: Sequence[TopOffender]) -> dict[str, Any]:
    """Addresses or users, the busiest first; `others` are the users or addresses of each."""
    return {
        "by": by,
        "offenders": [
            {
                "name": printable(each.name, 200),
                "events": each.events,
                "error": each.error,
                "first": rfc3339(each.first),
                "last": rfc3339(each.last),
                "others": [printable(other, 200) for other in each.others],
                "more": each.more,
                "rules": list(each.rules),
                "titles": [printable(title, 1_000) for title in each.titles],
                "samples": [printable(place, 4_000) for place in each.samples],
            }
            for each in offenders
        ],
    }


def correlations_data(correlations: Sequence[CorrelationView], name: str) -> dict[str, Any]:
    """All of them, or those of a name."""
    return {
        "correlations": [
            {
                "name": each.name,
                "title": printable(each.title, 1_000),
                "level": each.level,
                "type": each.type,
                "alerts": each.alerts,
                "firing": [_group_by(group) for group in each.firing],
                "offenders": [
                    {
                        "group": _group_by(dict(one.group)),
                        "events": one.events,
                        "error": one.error,
                        "first": rfc3339(one.first),
                        "last": rfc3339(one.last),
                    }
                    for one in each.offenders
                ],
                "withoutGroupField": each.unkeyed,
            }
            for each in correlations
            if not name or each.name == name
        ]
    }


def _group_by(group: Mapping[str, str]) -> dict[str, str]:
    return {field: printable(value, 1_000) for field, value in group.items()}


def log_groups_data(groups: Sequence[LogGroupView]) -> dict[str, Any]:
    return {
        "logGroups": [
            {
                "name": each.name,
                "format": each.format,
                "files": each.files,
                "read": each.read,
                "counted": each.counted,
                "dropped": dict(each.dropped),
                "through": rfc3339(each.through),
                "problems": [printable(problem, 1_000) for problem in each.problems],
            }
            for each in groups
        ]
    }


LEDGER_KINDS = frozenset(
    {
        "acknowledgement",
        "block",
        "configuration",
        "gap",
        "notification",
        "start",
        "state",
        "stop",
        "transition",
    }
)


def ledger_data(period: LedgerPeriod, asked: int) -> dict[str, Any]:
    """Times are microseconds since 1970 UTC, as the ledger has them."""
    return {
        "asked": asked,
        "carried": [_entry(entry) for entry in period.carried],
        "entries": [_entry(entry) for entry in period.entries],
        "after": [_entry(entry) for entry in period.after],
    }


def _entry(entry: LedgerEntry) -> dict[str, Any]:
    return {"seq": entry.seq, "time": entry.time, "kind": entry.kind, "body": entry.body}


def metadata_data(metadata: Mapping[str, Sequence[Metadata]]) -> dict[str, Any]:
    return {
        metric: [{"type": each.type, "help": each.help, "unit": each.unit} for each in said]
        for metric, said in metadata.items()
    }


def build_data(build: BuildInfo) -> dict[str, Any]:
    """Prometheus' keys with Tocsin's version; those that say how Go built it stay empty."""
    return {
        "application": "Tocsin",
        "version": build.version,
        "revision": build.revision,
        "branch": "",
        "buildUser": "",
        "buildDate": "",
        "goVersion": "",
    }


def identity_data(identity: Identity) -> dict[str, Any]:
    """What Prometheus has no word for."""
    return {
        "instance": identity.instance,
        "programSha256": identity.program_sha256,
        "configurationSha256": identity.configuration_sha256,
        "externalLabels": dict(identity.external_labels),
    }


def runtime_data(runtime: RuntimeInfo) -> dict[str, Any]:
    """Prometheus' keys; paths of the machine and settings of Go's runtime are not told."""
    return {
        "startTime": rfc3339(runtime.start_time),
        "CWD": "",
        "reloadConfigSuccess": runtime.reload_succeeded,
        "lastConfigTime": rfc3339(runtime.last_config_time),
        "corruptionCount": 0,
        "goroutineCount": 0,
        "GOMAXPROCS": 0,
        "GOGC": "",
        "GODEBUG": "",
        "storageRetention": runtime.retention,
        "timeSeriesCount": runtime.series,
    }
