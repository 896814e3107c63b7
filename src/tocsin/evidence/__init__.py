"""Evidence records: what is asked, what came back, what it says, as canonical JSON."""

from tocsin.evidence._answers import read_answer
from tocsin.evidence._canonical import canonical_json
from tocsin.evidence._cells import PlanLine, cells_of, decide, plan_of
from tocsin.evidence._names import day_folder, next_run, record_name
from tocsin.evidence._record import SCHEMA, Answer, Collector, Plan, Record, build_record
from tocsin.evidence._redact import Commitments, Opening, Redactor, commitment
from tocsin.evidence._reperform import LEDGER, InputAgain, Reperformed, Reperformer, differing
from tocsin.evidence._requests import Request, request_of, requests_of
from tocsin.evidence._samples import KeptSamples, SampleBook, SampleSpan, read_samples, spans_of
from tocsin.evidence._sealing import LATE, Described, RulesSegment, describe, segments_of
from tocsin.evidence._source import (
    NOT_TOLD,
    OWN_STATUS,
    STATUS,
    SourceTold,
    is_own,
    redacted,
    source_told,
)

__all__ = [
    "LATE",
    "LEDGER",
    "NOT_TOLD",
    "OWN_STATUS",
    "SCHEMA",
    "STATUS",
    "Answer",
    "Collector",
    "Commitments",
    "Described",
    "InputAgain",
    "KeptSamples",
    "Opening",
    "Plan",
    "PlanLine",
    "Record",
    "Redactor",
    "Reperformed",
    "Reperformer",
    "Request",
    "RulesSegment",
    "SampleBook",
    "SampleSpan",
    "SourceTold",
    "build_record",
    "canonical_json",
    "cells_of",
    "commitment",
    "day_folder",
    "decide",
    "describe",
    "differing",
    "is_own",
    "next_run",
    "plan_of",
    "read_answer",
    "read_samples",
    "record_name",
    "redacted",
    "request_of",
    "requests_of",
    "segments_of",
    "source_told",
    "spans_of",
]
