"""Where log lines come from: files that grow, old files and archives, the journal, OTLP."""

from tocsin.source._log_files import (
    LogFile,
    LogLimits,
    ReadCounts,
    is_plain,
    read_head,
    read_log,
    split_log,
)
from tocsin.source._log_window import first_time, last_time, read_window
from tocsin.source._otlp import OtlpLogs, OtlpRecord, OtlpRefusedError, decode_otlp_logs
from tocsin.source._tail import Tail
from tocsin.source._tail_state import FilePosition, Gap, TailBlock, TailState, Taken

__all__ = [
    "FilePosition",
    "Gap",
    "LogFile",
    "LogLimits",
    "OtlpLogs",
    "OtlpRecord",
    "OtlpRefusedError",
    "ReadCounts",
    "Tail",
    "TailBlock",
    "TailState",
    "Taken",
    "decode_otlp_logs",
    "first_time",
    "is_plain",
    "last_time",
    "read_head",
    "read_log",
    "read_window",
    "split_log",
]
