"""The state folder: samples, alert states, ledger and outbox in one SQLite database."""

from tocsin.store._database import Store, open_store
from tocsin.store._ledger import LedgerPart, read_ledger
from tocsin.store._step import LedgerEntry, Step, Tally

__all__ = ["LedgerEntry", "LedgerPart", "Step", "Store", "Tally", "open_store", "read_ledger"]
