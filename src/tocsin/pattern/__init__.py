"""CloudWatch filter patterns: read, linted, matched and explained, one event at a time."""

from tocsin.pattern._event import Event
from tocsin.pattern._match import Match, match
from tocsin.pattern._parse import MAX_LENGTH, parse
from tocsin.pattern._settings import DEFAULTS, Settings
from tocsin.pattern._syntax import Pattern

__all__ = ["DEFAULTS", "MAX_LENGTH", "Event", "Match", "Pattern", "Settings", "match", "parse"]
