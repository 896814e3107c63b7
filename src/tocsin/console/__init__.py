"""The Prometheus-compatible HTTP API."""

from tocsin.console._app import create_app
from tocsin.console._live import LiveView
from tocsin.console._view import (
    AlarmView,
    AlertView,
    BuildInfo,
    CorrelationView,
    Identity,
    LogGroupView,
    Pushed,
    RuleGroupView,
    RuleView,
    RuntimeInfo,
    TargetView,
    View,
)

__all__ = [
    "AlarmView",
    "AlertView",
    "BuildInfo",
    "CorrelationView",
    "Identity",
    "LiveView",
    "LogGroupView",
    "Pushed",
    "RuleGroupView",
    "RuleView",
    "RuntimeInfo",
    "TargetView",
    "View",
    "create_app",
]
