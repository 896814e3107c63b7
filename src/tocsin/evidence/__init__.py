"""Evidence records: what is asked, what came back, what it says, as canonical JSON."""

from tocsin.evidence._answers import read_answer
from tocsin.evidence._canonical import canonical_json
from tocsin.evidence._names import day_folder, next_run, record_name
from tocsin.evidence._record import SCHEMA, Answer, Collector, Record, build_record
from tocsin.evidence._requests import Request, request_of, requests_of

__all__ = [
    "SCHEMA",
    "Answer",
    "Collector",
    "Record",
    "Request",
    "build_record",
    "canonical_json",
    "day_folder",
    "next_run",
    "read_answer",
    "record_name",
    "request_of",
    "requests_of",
]
