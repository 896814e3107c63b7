"""The live daemon: the only place where the core meets files, sockets and the clock."""

from tocsin.engine._clock import Clock
from tocsin.engine._config import CONFIG_KEYS, Config, load_config
from tocsin.engine._core import Core, History
from tocsin.engine._evaluating import GroupLoop
from tocsin.engine._live import Engine
from tocsin.engine._scraping import TargetLoop

__all__ = [
    "CONFIG_KEYS",
    "Clock",
    "Config",
    "Core",
    "Engine",
    "GroupLoop",
    "History",
    "TargetLoop",
    "load_config",
]
