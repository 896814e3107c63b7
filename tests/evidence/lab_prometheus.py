"""A real Prometheus that seems to have watched the lab since yesterday."""

from __future__ import annotations

import json
import shutil
import subprocess
import urllib.request
from contextlib import contextmanager
from pathlib import Path

from tests.engine.daemon import wait_for
from tests.referees import prometheus as started

BINARY = shutil.which("prometheus")
PROMTOOL = shutil.which("promtool")
RULES = Path(__file__).parents[2] / "examples/lab/rules/security.yml"
DAY = 86400
EVERY = 15
BOUNDS = ("0.1", "0.3", "1.0", "+Inf")


def exposition(start, end, instance, *, failures=None, slow=None, down=None, fired=None):
    """OpenMetrics text with an honest login a second; each argument is `lambda time: ...`."""
    labels = f'job="login",instance="{instance}"'
    families = {name: [] for name in ("up", "login_requests", "login_failures", "ALERTS")}
    latency = []
    requests = failed = 0
    buckets = dict.fromkeys(BOUNDS, 0)
    for at in range(start, end + 1, EVERY):
        requests += EVERY
        failed += failures(at) if failures else (at // EVERY % 40 == 0)
        first = BOUNDS.index("1.0" if slow and slow(at) else "0.1")
        for bound in BOUNDS[first:]:
            buckets[bound] += EVERY
        gone = bool(down and down(at))
        families["up"].append(f"up{{{labels}}} {int(not gone)} {at}")
        if fired and fired(at):
            alert = 'alertname="ExcessiveLoginFailures",alertstate="firing",severity="high"'
            families["ALERTS"].append(f"ALERTS{{{alert},{labels}}} 1 {at}")
        if gone:
            continue
        families["login_requests"].append(f"login_requests_total{{{labels}}} {requests} {at}")
        families["login_failures"].append(f"login_failures_total{{{labels}}} {failed} {at}")
        name = "login_latency_seconds"
        latency += [f'{name}_bucket{{{labels},le="{b}"}} {n} {at}' for b, n in buckets.items()]
        latency += [f"{name}_count{{{labels}}} {requests} {at}", f"{name}_sum{{{labels}}} 1 {at}"]
    kinds = {"up": "gauge", "ALERTS": "gauge"}
    lines = []
    for family, rows in families.items():
        lines += [f"# TYPE {family} {kinds.get(family, 'counter')}", *rows]
    lines += ["# TYPE login_latency_seconds histogram", *_by_bucket(latency)]
    return "\n".join(lines) + "\n# EOF\n"


def _by_bucket(lines):
    """The buckets of one series together, as OpenMetrics wants them."""
    return sorted(lines, key=lambda line: int(line.rsplit(" ", 1)[1]))


@contextmanager
def prometheus(folder, text, *, port, rules=RULES, flags=()):
    """Start a server over the samples, scraping itself as the job `login`."""
    (folder / "samples.om").write_text(text)
    config = {
        "global": {"scrape_interval": "1s", "evaluation_interval": "1s"},
        "rule_files": [str(rules)] if rules else [],
        "scrape_configs": [
            {"job_name": "login", "static_configs": [{"targets": [f"127.0.0.1:{port}"]}]}
        ],
    }
    subprocess.run(
        [PROMTOOL, "tsdb", "create-blocks-from", "openmetrics", "samples.om", "data"],
        check=True, cwd=folder, capture_output=True,
    )  # fmt: skip
    with started(folder, json.dumps(config), *flags, port=port) as address:
        wait_for(lambda: _has_looked(address, bool(rules)), "rules are evaluated", 60)
        yield address


def _has_looked(address, rules):
    """Whether it has scraped its target and evaluated its rules."""
    healths = [each["health"] for each in _ask(address, "targets")["activeTargets"]]
    groups = _ask(address, "rules")["groups"]
    seen = [rule["health"] for group in groups for rule in group["rules"]]
    return healths == ["up"] and (not rules or (seen and "unknown" not in seen))


def _ask(address, path):
    with urllib.request.urlopen(f"{address}/api/v1/{path}", timeout=5) as answer:
        return json.load(answer)["data"]
