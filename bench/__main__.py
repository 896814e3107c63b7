"""`make bench`: every table, one after the other."""

import sys

from bench import daemon, promql, scan, sdk

for title, module in (
    ("PromQL: a query over the same samples", promql),
    ("Scanner: filters over a combined log", scan),
    ("SDK: cost of a request", sdk),
    ("Daemon: idle cost, and from sample to webhook", daemon),
):
    print(f"\n{title}", flush=True)
    module.main()
sys.exit(0)
