"""Evidence records: what is asked, what came back, what it says, as canonical JSON."""

from tocsin.evidence._answers import read_answer
from tocsin.evidence._canonical import canonical_json
from tocsin.evidence._names import day_folder, next_run, record_name
from tocsin.evidence._record import SCHEMA, Answer, Collector, Record, build_record
from tocsin.evidence._redact import Commitments, Opening, Redactor, commitment
from tocsin.evidence._requests import Request, request_of, requests_of
from tocsin.evidence._sealing import LATE, Described, RulesSegment, describe, segments_of

__all__ = [
    "LATE",
    "SCHEMA",
    "Answer",
    "Collector",
    "Commitments",
    "Described",
    "Opening",
    "Record",
    "Redactor",
    "Request",
    "RulesSegment",
    "build_record",
    "canonical_json",
    "commitment",
    "day_folder",
    "describe",
    "next_run",
    "read_answer",
    "record_name",
    "request_of",
    "requests_of",
    "segments_of",
]
