"""The live daemon and the replay: the only places where the core meets files and the clock."""

from tocsin.engine._clock import Clock
from tocsin.engine._config import CONFIG_KEYS, Config, load_config
from tocsin.engine._config_alerting import load_routing
from tocsin.engine._core import Core, History
from tocsin.engine._drilling import DRILLS_FOLDER
from tocsin.engine._evaluating import GroupLoop
from tocsin.engine._line_drill import log_setup
from tocsin.engine._live import Engine
from tocsin.engine._replay import Behind, Replayed, Replayer, ReplayOptions
from tocsin.engine._replay_alarms import Threshold
from tocsin.engine._replay_chart import Curve
from tocsin.engine._replay_files import Opened
from tocsin.engine._replay_rules import Correlated
from tocsin.engine._scraping import TargetLoop

__all__ = [
    "CONFIG_KEYS",
    "DRILLS_FOLDER",
    "Behind",
    "Clock",
    "Config",
    "Core",
    "Correlated",
    "Curve",
    "Engine",
    "GroupLoop",
    "History",
    "Opened",
    "ReplayOptions",
    "Replayed",
    "Replayer",
    "TargetLoop",
    "Threshold",
    "load_config",
    "load_routing",
    "log_setup",
]
