"""Drills: a synthetic attack goes through the rules in force, apart from all real data."""

from tocsin.drill._line_run import form_of
from tocsin.drill._log_run import LogDrillRun, LogSetup
from tocsin.drill._model import Drill, SyntheticLines, SyntheticSeries
from tocsin.drill._rehearse import line_weaknesses_of, rehearse_lines
from tocsin.drill._rule_run import RuleDrillRun, RuleSetup
from tocsin.drill._run import DrillRun
from tocsin.drill._sieve import Sieve
from tocsin.drill._weaken import Weakness, rehearse, weaknesses_of

__all__ = [
    "Drill",
    "DrillRun",
    "LogDrillRun",
    "LogSetup",
    "RuleDrillRun",
    "RuleSetup",
    "Sieve",
    "SyntheticLines",
    "SyntheticSeries",
    "Weakness",
    "form_of",
    "line_weaknesses_of",
    "rehearse",
    "rehearse_lines",
    "weaknesses_of",
]
