"""The four controls of the lab."""

from __future__ import annotations

from tocsin.control._model import (
    AlertsFired,
    AlertsNow,
    Ceiling,
    Control,
    RulesInForce,
    Samples,
    Source,
    TargetsNow,
    TargetsUp,
    Total,
)

__all__ = ["LAB_CONTROLS"]


def _fired(alert: str) -> AlertsFired:
    # NOTE: the largest value of each step, so that an alert shorter than a step is seen too.
    selector = f'ALERTS{{alertname="{alert}",alertstate="firing"}}'
    return AlertsFired("alerts-fired", f"max_over_time({selector}[1m])")


_SOURCE = Source("source")

LAB_CONTROLS = (
    Control(
        "logical-access",
        1,
        "Logical access",
        "Failed logins are counted all day, and more than 15 within 5 minutes are treated as"
        " an attack.",
        "daily",
        (
            Samples("samples", "sum(count_over_time(login_failures_total[1m]))"),
            Ceiling(
                "failures-in-5m",
                "max(increase(login_failures_total[5m]))",
                15,
                "failed logins within 5 minutes",
            ),
            Total("failures", "sum(increase(login_failures_total[$period]))", "failed logins"),
            _fired("ExcessiveLoginFailures"),
            _SOURCE,
        ),
    ),
    Control(
        "logging-and-monitoring",
        1,
        "Logging and monitoring",
        "The login metrics of every target arrive all day without a gap, and unusual silence"
        " is noticed.",
        "daily",
        (
            Samples("samples", "sum(count_over_time(login_requests_total[1m]))"),
            # Only targets that expose the metric, of which there must be one at every step.
            TargetsUp(
                "targets-up",
                "min_over_time(up[1m]) and on (job, instance)"
                " present_over_time(login_requests_total[5m])",
            ),
            Total("requests", "sum(increase(login_requests_total[$period]))", "logins"),
            TargetsNow("targets-now"),
            _fired("LoginTrafficVeryLow"),
            _SOURCE,
        ),
    ),
    Control(
        "control-slo",
        1,
        "Service level of the login",
        "95 of 100 logins are answered within 0.3 seconds, measured over 5 minutes, all day.",
        "daily",
        (
            Samples("samples", "sum(count_over_time(login_latency_seconds_count[1m]))"),
            Ceiling(
                "p95",
                "histogram_quantile(0.95, sum by (le) (rate(login_latency_seconds_bucket[5m])))",
                0.3,
                "seconds of login latency (p95)",
                nan_is_quiet=True,
            ),
            _fired("LoginLatencyAboveObjective"),
            _SOURCE,
        ),
    ),
    Control(
        "security-monitoring",
        1,
        "Security monitoring",
        "The detection rules are loaded, healthy and evaluated, and every alert of the day is"
        " on record.",
        "daily",
        (
            RulesInForce(
                "rules",
                ("ExcessiveLoginFailures", "LoginLatencyAboveObjective", "LoginTrafficVeryLow"),
            ),
            Samples("samples", "sum(count_over_time(up[1m]))"),
            AlertsFired("alerts-fired", 'max_over_time(ALERTS{alertstate="firing"}[1m])'),
            AlertsNow("alerts-now"),
            _SOURCE,
        ),
    ),
)
