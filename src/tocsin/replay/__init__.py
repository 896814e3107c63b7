"""Replay: filters, alarms and Sigma rules of a live daemon over old logs."""

from tocsin.replay._alarms import Threshold
from tocsin.replay._behind import Behind
from tocsin.replay._chart import Curve
from tocsin.replay._files import Opened
from tocsin.replay._replay import Replayed, Replayer, ReplayOptions
from tocsin.replay._rules import Correlated

__all__ = [
    "Behind",
    "Correlated",
    "Curve",
    "Opened",
    "ReplayOptions",
    "Replayed",
    "Replayer",
    "Threshold",
]
