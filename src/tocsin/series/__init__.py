"""Samples in numpy columns: selections for the evaluator, and the head that holds them."""

from tocsin.series._batch import Batch, DropReason
from tocsin.series._head import Head
from tocsin.series._selection import NO_SAMPLES, Queryable, Selection, concatenate
from tocsin.series._stale import STALE, is_stale, stale_mask

__all__ = [
    "NO_SAMPLES",
    "STALE",
    "Batch",
    "DropReason",
    "Head",
    "Queryable",
    "Selection",
    "concatenate",
    "is_stale",
    "stale_mask",
]
