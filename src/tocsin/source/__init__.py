"""Where samples and log lines come from: scraping targets, asking an API, old log files."""

from tocsin.source._fetch import Scraped, fetch, make_client
from tocsin.source._log_files import LogFile, LogLimits, ReadCounts, read_head, read_log
from tocsin.source._prometheus import Address, PrometheusApi, parse_address
from tocsin.source._reader import Reader

__all__ = [
    "Address",
    "LogFile",
    "LogLimits",
    "PrometheusApi",
    "ReadCounts",
    "Reader",
    "Scraped",
    "fetch",
    "make_client",
    "parse_address",
    "read_head",
    "read_log",
]
