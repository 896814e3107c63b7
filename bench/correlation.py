"""Ten keyed rules over parsed events, and five million addresses in one log."""

from __future__ import annotations

import random
import sys
import time
from collections import Counter
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from tocsin.correlation import Correlator, Event, load_sigma

if TYPE_CHECKING:
    from collections.abc import Iterator

EVENTS = 300_000
BAR = 300_000
"""Events a second."""
MEMORY = 64
"""MB that five million addresses may take."""
_CHUNK = 1000
_DETECTIONS = {
    "missing": "{sc-status: 404}",
    "unauthorized": "{sc-status: 401}",
    "forbidden": "{sc-status: 403}",
    "broken": "{sc-status|gte: 500}",
    "login": "{cs-method: POST, cs-uri-stem: /login}",
    "admin": "{cs-uri-stem|startswith: /admin}",
    "traversal": "{cs-uri-query|contains: ['../', '%2e%2e']}",
    "injection": "{cs-uri-query|contains: [union select, sleep(]}",
    "scanner": "{cs-user-agent|contains: [sqlmap, nikto, nmap]}",
    "secret": "{cs-uri-stem|endswith: [.env, .git/config, id_rsa]}",
}


def rules(names: list[str]) -> bytes:
    return "".join(
        f"""
title: {name}
name: {name}
logsource: {{category: webserver}}
detection: {{sel: {_DETECTIONS[name]}, condition: sel}}
---
title: many {name}
name: many_{name}
correlation:
  {{type: event_count, rules: [{name}], group-by: [c-ip], timespan: 10m, condition: {{gte: 20}}}}
---
"""
        for name in names
    ).encode()


def requests(failed: float) -> list[Event]:
    """A busy site's requests, a thousand a second; so large a share of them fails."""
    rng, found = random.Random(1), []
    paths = [f"/{rng.randrange(100)}/{rng.randrange(100)}" for _ in range(3000)]
    paths += ["/login", "/admin/x"] * 100
    for n in range(EVENTS):
        status = rng.choice(["404", "401", "403", "500"]) if rng.random() < failed else "200"
        fields = {
            "client": f"10.{rng.randrange(4)}.{rng.randrange(256)}.{rng.randrange(256)}",
            "method": rng.choice(["GET", "GET", "POST"]),
            "path": rng.choice(paths),
            "status": status,
            "agent": f"Mozilla/5.0 ({rng.randrange(500)})",
            "event.dataset": "access",
        }
        if rng.random() < 0.2:
            fields["query"] = f"a={n % 5000}"
        found.append(Event(10**15 + n * 1000, fields))
    return found


def peak() -> float:
    """MB."""
    status = Path("/proc/self/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) / 1024


def addresses(number: int, true: Counter[str]) -> Iterator[str]:
    """Each once, and between them two thousand that come again and again."""
    rng = random.Random(5)
    for n in range(number):
        yield f"{20 + (n >> 24)}.{n >> 16 & 255}.{n >> 8 & 255}.{n & 255}"
        if n % 5 == 0:
            heavy = f"10.0.{int(rng.paretovariate(0.7)) % 2000}.1"
            true[heavy] += 1
            yield heavy


def many(number: int) -> bool:
    correlator = Correlator(load_sigma([("r.yml", rules(["missing"]))]), lateness=60_000_000)
    fields = {"status": "404", "event.dataset": "access"}
    correlator.feed([Event(0, fields | {"client": "x"})])
    true: Counter[str] = Counter()
    events = (
        Event(10**15 + n * 500, fields | {"client": client})
        for n, client in enumerate(addresses(number, true))
    )
    before, begin = peak(), time.perf_counter()
    while some := list(islice(events, _CHUNK)):
        correlator.feed(some)
    correlator.finish()
    taken, grown = time.perf_counter() - begin, peak() - before
    listed = {each.group[0][1]: each for each in correlator.offenders("many_missing", 100)}
    top = true.most_common(100)
    found = [(count, listed[client]) for client, count in top if client in listed]
    within = all(each.events <= count <= each.events + each.error for count, each in found)
    error = max(each.error for _, each in found)
    print(
        f"  {number:,} addresses: {grown:.0f} MB more (bar {MEMORY}), {len(found)} of the top 100, "
        f"error {error} of {top[-1][1]:,}, each within it: {within}; {taken:.0f} s"
    )
    return grown <= MEMORY and len(found) == 100 and within


def main(number: int = 5_000_000) -> int:
    good = many(number)
    loaded = load_sigma([("r.yml", rules(list(_DETECTIONS)))])
    for failed, lateness in ((0.03, 0), (0.03, 60), (0.1, 0), (0.1, 60)):
        events = requests(failed)
        rates = []
        for _ in range(3):
            correlator = Correlator(loaded, lateness=lateness * 1_000_000)
            begin = time.process_time()
            for start in range(0, EVENTS, _CHUNK):
                correlator.feed(events[start : start + _CHUNK])
            correlator.finish()
            rates.append(EVENTS / (time.process_time() - begin))
        good &= failed > 0.03 or max(rates) >= BAR
        print(
            f"  ten rules, {failed:.0%} of the requests fail, lateness {lateness:2} s:"
            f" {max(rates):,.0f} events/s (bar {BAR:,})"
        )
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main(*map(int, sys.argv[1:])))
