"""`make bench`: every table, one after the other, each in a process of its own.

Memory that one benchmark took would otherwise be counted against the next.
"""

from __future__ import annotations

import subprocess
import sys

TABLES = (
    ("PromQL: a query over the same samples", "bench.promql"),
    ("Scanner: filters over combined and JSON lines", "bench.scan"),
    ("Alarms: a year of minutes", "bench.alarms"),
    ("Correlation: ten keyed rules, and five million addresses", "bench.correlation"),
    ("SDK: cost of a request", "bench.sdk"),
    ("Evidence: verifying a year", "bench.evidence"),
    ("Daemon: idle cost, and from sample to webhook", "bench.daemon"),
    ("Logs: idle cost of files followed, and from line to webhook", "bench.logs"),
)

failed = []
for title, module in TABLES:
    print(f"\n{title}", flush=True)
    if subprocess.run([sys.executable, "-m", module], check=False).returncode:
        failed.append(module)
if failed:
    print(f"\nover its bar or broken: {', '.join(failed)}")
sys.exit(bool(failed))
