"""Bundles on disk: reading them without trust, sealing a day whole or not at all."""

from tocsin.bundle._read import (
    LARGEST,
    READ_WHOLE,
    SEALING,
    Survey,
    open_files,
    read_day_folder,
    read_file,
    survey,
)
from tocsin.bundle._seal import Contents, Open, Sealed, seal_day
from tocsin.bundle._verify import LastDay, last_day, leaves_of, verify_folder
from tocsin.bundle._write import attach, locked, replace_day

__all__ = [
    "LARGEST",
    "READ_WHOLE",
    "SEALING",
    "Contents",
    "LastDay",
    "Open",
    "Sealed",
    "Survey",
    "attach",
    "last_day",
    "leaves_of",
    "locked",
    "open_files",
    "read_day_folder",
    "read_file",
    "replace_day",
    "seal_day",
    "survey",
    "verify_folder",
]
