"""A clean day, as it would be seen of a source where nothing went wrong."""

from __future__ import annotations

from datetime import date, timedelta

from tocsin.control import (
    STEP,
    AlarmSeen,
    AlarmsHeld,
    AlarmsNow,
    AlarmsSeen,
    AlertmanagerAlerts,
    AlertsFired,
    AlertsNow,
    AlertsSeen,
    BuildSeen,
    Ceiling,
    CloudWatchAlarms,
    CloudWatchMetric,
    DaysSealed,
    Entry,
    FlagsSeen,
    LedgerNeed,
    LedgerSeen,
    LogGroupSeen,
    LogGroupsNow,
    LogGroupsSeen,
    Row,
    RuleSeen,
    RulesInForce,
    RulesSeen,
    Samples,
    SealedSeen,
    SeriesSeen,
    Silences,
    SilencesSeen,
    Source,
    SourceFlags,
    TargetSeen,
    TargetsNow,
    TargetsSeen,
    TargetsUp,
    Total,
    load_catalogue,
    period_of,
    shipped_text,
)

LAB_CONTROLS = load_catalogue(shipped_text("lab"), "lab").controls
STARTER_CONTROLS = load_catalogue(shipped_text("starter"), "starter").controls

DAY = date(2026, 11, 20)
START = 1_795_132_800_000_000
HOUR = 3600 * 10**6


def period(hours=24):
    return period_of(DAY, START + round(hours * HOUR))


def row(period, value=1.0, labels=(), steps=None):
    return Row(labels, tuple((time, value) for time in (period.steps if steps is None else steps)))


def clean(control, period):
    """Observations of which each need of `control` is met."""
    asked = period.end + STEP
    target = (("instance", "127.0.0.1:5000"), ("job", "login"))
    rules = tuple(
        RuleSeen("security", "security.yml", 5_000_000, "alerting", name, "00", "ok", asked - 1)
        for name in ("ExcessiveLoginFailures", "LoginLatencyAboveObjective", "LoginTrafficVeryLow")
    )
    answers = {
        Samples: SeriesSeen((row(period, 12),)),
        TargetsUp: SeriesSeen((row(period, 1, target),)),
        Ceiling: SeriesSeen((row(period, 0.1),)),
        AlertsFired: SeriesSeen(()),
        Total: SeriesSeen((Row((), ((period.end, 40.0),)),)),
        RulesInForce: RulesSeen(asked, rules),
        AlertsNow: AlertsSeen(asked, ()),
        TargetsNow: TargetsSeen(asked, (TargetSeen("login", "127.0.0.1:5000", "up"),)),
        Source: BuildSeen("Prometheus", "3.5.0"),
        SourceFlags: FlagsSeen((("web.enable-admin-api", "false"),)),
    }
    started = {
        "configuration": {"path": "tocsin.yaml", "sha256": "cc"},
        "rules": [{"path": "r.yml", "sha256": "aa", "alerts": {"ExcessiveLoginFailures": ["00"]}}],
    }
    answers |= {
        AlarmsNow: AlarmsSeen(asked, (AlarmSeen("burst", "OK", True, asked),)),
        LogGroupsNow: LogGroupsSeen(asked, (LogGroupSeen("web", 10, 8, 2, asked),)),
        DaysSealed: SealedSeen(1, f"{period.day - timedelta(days=1):%Y%m%d}", "c\n1\n=\n"),
    }
    answers |= {
        AlertmanagerAlerts: AlertsSeen(asked, ()),
        Silences: SilencesSeen(asked, ()),
        CloudWatchAlarms: answers[AlarmsNow],
        CloudWatchMetric: answers[Ceiling],
    }
    ledger = LedgerSeen(asked, (Entry(1, period.start - HOUR, "start", started),), (), ())
    quiet = LedgerSeen(asked, (), (), ())
    return {
        need.name: quiet
        if isinstance(need, AlarmsHeld)
        else ledger
        if isinstance(need, LedgerNeed)
        else answers[type(need)]
        for need in control.needs
    }
