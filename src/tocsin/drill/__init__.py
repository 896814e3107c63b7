"""Drills: a synthetic attack goes through the rules in force, apart from all real data."""

from tocsin.drill._model import Drill, SyntheticSeries
from tocsin.drill._run import DrillRun
from tocsin.drill._weaken import Weakness, rehearse, weaknesses_of

__all__ = ["Drill", "DrillRun", "SyntheticSeries", "Weakness", "rehearse", "weaknesses_of"]
