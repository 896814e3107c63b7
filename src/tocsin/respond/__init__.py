"""Block lists: proposed, reviewed, expiring, and never of those who must not be blocked."""

from tocsin.respond._crawlers import read_crawlers
from tocsin.respond._decisions import Blocks, Decision, Event
from tocsin.respond._exports import EXPORTS, export
from tocsin.respond._ip_sets import IpSet, IpSetPlan, plan_ip_set, read_ip_set, read_range
from tocsin.respond._safeguards import Network, Safeguards, read_network
from tocsin.respond._traffic import Traffic

__all__ = [
    "EXPORTS",
    "Blocks",
    "Decision",
    "Event",
    "IpSet",
    "IpSetPlan",
    "Network",
    "Safeguards",
    "Traffic",
    "export",
    "plan_ip_set",
    "read_crawlers",
    "read_ip_set",
    "read_network",
    "read_range",
]
