"""Lines of logs, to times and fields: no line raises, and none is dropped without a reason."""

from tocsin.logformat._address import NGINX_FULL, address, nginx_client, peer_address
from tocsin.logformat._detect import FORMATS, SAMPLE, Detected, detect, make_format
from tocsin.logformat._expression import Expression
from tocsin.logformat._json import CLIENTS, TIMES, pick_client, read_object
from tocsin.logformat._result import Clues, Format, Parsed, Reason, Skipped

__all__ = [
    "CLIENTS",
    "FORMATS",
    "NGINX_FULL",
    "SAMPLE",
    "TIMES",
    "Clues",
    "Detected",
    "Expression",
    "Format",
    "Parsed",
    "Reason",
    "Skipped",
    "address",
    "detect",
    "make_format",
    "nginx_client",
    "peer_address",
    "pick_client",
    "read_object",
]
