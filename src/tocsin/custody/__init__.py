"""Custody of sealed days: the log of who took what out, legal holds, removal, second copies."""

from tocsin.custody._bucket import BucketDestination
from tocsin.custody._copy import Copied, Destination, copy_days
from tocsin.custody._holds import add_hold, custody_part, holds_in_force, holds_now, release_hold
from tocsin.custody._log import log_path, principal, run_by, write_line
from tocsin.custody._mount import FolderDestination
from tocsin.custody._prune import Going, Pruning, plan_pruning, prune_day

__all__ = [
    "BucketDestination",
    "Copied",
    "Destination",
    "FolderDestination",
    "Going",
    "Pruning",
    "add_hold",
    "copy_days",
    "custody_part",
    "holds_in_force",
    "holds_now",
    "log_path",
    "plan_pruning",
    "principal",
    "prune_day",
    "release_hold",
    "run_by",
    "write_line",
]
