"""The Prometheus-compatible HTTP API."""

from tocsin.console._app import create_app
from tocsin.console._live import LiveView
from tocsin.console._view import (
    AlertView,
    BuildInfo,
    RuleGroupView,
    RuleView,
    RuntimeInfo,
    TargetView,
    View,
)

__all__ = [
    "AlertView",
    "BuildInfo",
    "LiveView",
    "RuleGroupView",
    "RuleView",
    "RuntimeInfo",
    "TargetView",
    "View",
    "create_app",
]
