"""The state folder: samples, alert states, ledger and outbox in one SQLite database."""

from tocsin.store._blocks import BlockRecord
from tocsin.store._database import Store, open_store
from tocsin.store._ledger import LedgerPart, LedgerPeriod, read_ledger, read_ledger_of
from tocsin.store._step import LedgerEntry, Step, Tally
from tocsin.store._texts import read_texts

__all__ = [
    "BlockRecord",
    "LedgerEntry",
    "LedgerPart",
    "LedgerPeriod",
    "Step",
    "Store",
    "Tally",
    "open_store",
    "read_ledger",
    "read_ledger_of",
    "read_texts",
]
