"""Samples in numpy columns: selections for the evaluator, and the head that holds them."""

from tocsin.series._batch import Batch, DropReason
from tocsin.series._exposition import (
    NO_TIME,
    Exposition,
    Failed,
    FailureReason,
    LabelLimits,
    Metadata,
    Target,
)
from tocsin.series._head import Head
from tocsin.series._notation import HistogramNotation, Notated, parse_values
from tocsin.series._selection import NO_SAMPLES, Queryable, Selection, concatenate
from tocsin.series._stale import STALE, is_stale, stale_mask
from tocsin.series._target import TargetState

__all__ = [
    "NO_SAMPLES",
    "NO_TIME",
    "STALE",
    "Batch",
    "DropReason",
    "Exposition",
    "Failed",
    "FailureReason",
    "Head",
    "HistogramNotation",
    "LabelLimits",
    "Metadata",
    "Notated",
    "Queryable",
    "Selection",
    "Target",
    "TargetState",
    "concatenate",
    "is_stale",
    "parse_values",
    "stale_mask",
]
