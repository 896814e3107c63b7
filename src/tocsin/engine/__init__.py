"""The live daemon: where the core meets files, the network and the clock."""

from tocsin.engine._clock import Clock
from tocsin.engine._config import CONFIG_KEYS, Config, load_config
from tocsin.engine._config_alerting import load_routing
from tocsin.engine._core import Core, History
from tocsin.engine._drilling import DRILLS_FOLDER
from tocsin.engine._evaluating import GroupLoop
from tocsin.engine._in_force import with_revisions
from tocsin.engine._line_drill import log_setup
from tocsin.engine._live import Engine
from tocsin.engine._responding import recent_traffic
from tocsin.engine._revisions import head_of
from tocsin.engine._scraping import TargetLoop

__all__ = [
    "CONFIG_KEYS",
    "DRILLS_FOLDER",
    "Clock",
    "Config",
    "Core",
    "Engine",
    "GroupLoop",
    "History",
    "TargetLoop",
    "head_of",
    "load_config",
    "load_routing",
    "log_setup",
    "recent_traffic",
    "with_revisions",
]
