"""Block lists: proposed, reviewed, expiring, and never of those who must not be blocked."""

from tocsin.respond._decisions import Blocks, Decision, Event
from tocsin.respond._exports import EXPORTS, export
from tocsin.respond._safeguards import Network, Safeguards, read_network

__all__ = [
    "EXPORTS",
    "Blocks",
    "Decision",
    "Event",
    "Network",
    "Safeguards",
    "export",
    "read_network",
]
