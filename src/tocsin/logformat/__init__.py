"""Lines of logs, to times and fields: no line raises, and none is dropped without a reason."""

from tocsin.logformat._detect import FORMATS, SAMPLE, Detected, detect, make_format
from tocsin.logformat._expression import Expression
from tocsin.logformat._json import TIMES
from tocsin.logformat._result import Clues, Format, Parsed, Reason, Skipped

__all__ = [
    "FORMATS",
    "SAMPLE",
    "TIMES",
    "Clues",
    "Detected",
    "Expression",
    "Format",
    "Parsed",
    "Reason",
    "Skipped",
    "detect",
    "make_format",
]
