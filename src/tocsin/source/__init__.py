"""Where samples and log lines come from: scraping targets, asking an API, old log files."""

from tocsin.source._cloudwatch import CloudWatchApi, cloudwatch_client
from tocsin.source._fetch import Scraped, fetch, make_client
from tocsin.source._log_files import LogFile, LogLimits, ReadCounts, read_head, read_log, split_log
from tocsin.source._otlp import OtlpLogs, OtlpRecord, OtlpRefusedError, decode_otlp_logs
from tocsin.source._prometheus import Address, PrometheusApi, parse_address
from tocsin.source._reader import Reader
from tocsin.source._tail import Tail
from tocsin.source._tail_state import FilePosition, Gap, TailBlock, TailState, Taken

__all__ = [
    "Address",
    "CloudWatchApi",
    "FilePosition",
    "Gap",
    "LogFile",
    "LogLimits",
    "OtlpLogs",
    "OtlpRecord",
    "OtlpRefusedError",
    "PrometheusApi",
    "ReadCounts",
    "Reader",
    "Scraped",
    "Tail",
    "TailBlock",
    "TailState",
    "Taken",
    "cloudwatch_client",
    "decode_otlp_logs",
    "fetch",
    "make_client",
    "parse_address",
    "read_head",
    "read_log",
    "split_log",
]
