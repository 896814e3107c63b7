"""Label sets, matchers and series identity."""

from tocsin.labels._matchers import Matcher, MatchOp, compile_regex, compile_regexes
from tocsin.labels._sets import EMPTY, METRIC_NAME, Labels

__all__ = [
    "EMPTY",
    "METRIC_NAME",
    "Labels",
    "MatchOp",
    "Matcher",
    "compile_regex",
    "compile_regexes",
]
