"""From transitions to notifications: what to tell, to whom, once each."""

from tocsin.alerting._intervals import TimeInterval
from tocsin.alerting._matchers import matchers_text, matches_all, parse_matchers
from tocsin.alerting._model import (
    Announcement,
    Delivery,
    Notification,
    NotifiedAlert,
    Refused,
    Retry,
    Sent,
    fingerprint,
)
from tocsin.alerting._plan import announce, generator_url, notified_alert, plan_notifications
from tocsin.alerting._read import read_inhibit_rules, read_intervals, read_route
from tocsin.alerting._router import Muted, Routed, Router, RouterState
from tocsin.alerting._routes import InhibitRule, Route, Routing
from tocsin.alerting._routetest import RouteTest, RouteTestFile, load_route_tests, run_route_tests
from tocsin.alerting._silences import Silence, SilenceMatcher

__all__ = [
    "Announcement",
    "Delivery",
    "InhibitRule",
    "Muted",
    "Notification",
    "NotifiedAlert",
    "Refused",
    "Retry",
    "Route",
    "RouteTest",
    "RouteTestFile",
    "Routed",
    "Router",
    "RouterState",
    "Routing",
    "Sent",
    "Silence",
    "SilenceMatcher",
    "TimeInterval",
    "announce",
    "fingerprint",
    "generator_url",
    "load_route_tests",
    "matchers_text",
    "matches_all",
    "notified_alert",
    "parse_matchers",
    "plan_notifications",
    "read_inhibit_rules",
    "read_intervals",
    "read_route",
    "run_route_tests",
]
