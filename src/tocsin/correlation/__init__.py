"""Sigma rules and correlations over events: exact windows by user, by address, by anything."""

from tocsin.correlation._alert_offenders import AlertOffenders
from tocsin.correlation._correlator import Budget, Correlator, Offender
from tocsin.correlation._filter_offenders import FilterOffenders, Wanted
from tocsin.correlation._model import Alert, Correlation, Detection, Event, RuleSet
from tocsin.correlation._packed import Matched, pack_event, unpack_event
from tocsin.correlation._prefilter import Prefilter, make_prefilter
from tocsin.correlation._reader import EventReader
from tocsin.correlation._recent_offenders import RecentOffenders
from tocsin.correlation._sigma import load_sigma
from tocsin.correlation._sshd import Remembered, Sessions
from tocsin.correlation._switched_off import rules_called, switch_off
from tocsin.correlation._testfile import (
    SigmaTestFailure,
    SigmaTestFile,
    is_sigma_test,
    load_sigma_tests,
    run_sigma_tests,
)
from tocsin.correlation._top_offenders import By, TopOffender, TopOffenders, is_field_of

__all__ = [
    "Alert",
    "AlertOffenders",
    "Budget",
    "By",
    "Correlation",
    "Correlator",
    "Detection",
    "Event",
    "EventReader",
    "FilterOffenders",
    "Matched",
    "Offender",
    "Prefilter",
    "RecentOffenders",
    "Remembered",
    "RuleSet",
    "Sessions",
    "SigmaTestFailure",
    "SigmaTestFile",
    "TopOffender",
    "TopOffenders",
    "Wanted",
    "is_field_of",
    "is_sigma_test",
    "load_sigma",
    "load_sigma_tests",
    "make_prefilter",
    "pack_event",
    "rules_called",
    "run_sigma_tests",
    "switch_off",
    "unpack_event",
]
