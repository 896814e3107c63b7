"""Many metric filters over blocks of a log: counts in tables that merge by adding."""

from tocsin.scan._candidates import Candidates
from tocsin.scan._scanner import Scanner
from tocsin.scan._search import ENGINES, Engine, best_engine
from tocsin.scan._sources import SourceKey
from tocsin.scan._table import LARGEST, Table

__all__ = [
    "ENGINES",
    "LARGEST",
    "Candidates",
    "Engine",
    "Scanner",
    "SourceKey",
    "Table",
    "best_engine",
]
