"""The Prometheus-compatible HTTP API."""

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
    "RuleGroupView",
    "RuleView",
    "RuntimeInfo",
    "TargetView",
    "View",
]
