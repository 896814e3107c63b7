"""Ten keyed rules over parsed events, and five million addresses in one log."""

from __future__ import annotations

import gc
import random
import sys
import time
from collections import Counter
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from tocsin.correlation import Correlator, Event, load_sigma, make_prefilter
from tocsin.packs import pack_rules

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tocsin.correlation import RuleSet

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


def fastest(loaded: RuleSet, events: list[Event], lateness: int) -> float:
    """Events a second, the best of five."""
    rates = []
    for _ in range(5):
        correlator = Correlator(loaded, lateness=lateness * 1_000_000)
        begin = time.process_time()
        for start in range(0, len(events), _CHUNK):
            correlator.feed(events[start : start + _CHUNK])
        correlator.finish()
        rates.append(len(events) / (time.process_time() - begin))
    return max(rates)


def unlike(failed: float) -> list[Event]:
    """Requests of which no path, query or referrer comes twice."""
    found = requests(failed)[:60_000]
    for n, event in enumerate(found):
        event.fields |= {
            "path": f"/item/{n}/detail.html", "query": f"session={n * 7919}&x={n}",
            "referer": f"https://www.example.com/item/{n - 1}",
        }  # fmt: skip
    return found


def main(number: int = 5_000_000) -> int:
    good = many(number)
    ten = load_sigma([("r.yml", rules(list(_DETECTIONS)))])
    pack = load_sigma(pack_rules("appsec"))
    shares = [(failed, requests(failed)) for failed in (0.03, 0.1)]
    once = unlike(0.03)
    # The events of a log are never all in memory, to be searched for reference cycles.
    gc.freeze()
    for failed, events in shares:
        for lateness in (0, 60):
            rate = fastest(ten, events, lateness)
            good &= rate >= BAR
            print(
                f"  ten rules, {failed:.0%} of the requests fail, lateness {lateness:2} s:"
                f" {rate:,.0f} events/s (bar {BAR:,})"
            )
    told = f"  pack appsec, {len(pack.correlations)} correlations, lateness 60 s:"
    for what, events in (
        ("3% fail", shares[0][1]),
        ("10% fail", shares[1][1]),
        ("no value twice", once),
    ):
        print(f"{told} {what}: {fastest(pack, events, 60):,.0f} events/s")
    passed_over(pack)
    return 0 if good else 1


def passed_over(pack: RuleSet) -> None:
    """Lines of an access log that no rule can match."""
    line = (
        '192.0.2.{} - - [21/Nov/2026:10:00:00 +0000] "GET /a/{}.html HTTP/1.1" 200 512 '
        '"https://www.example.com/" "Mozilla/5.0 (X11; Linux x86_64) Firefox/120.0"\n'
    )
    block = "".join(line.format(n % 250, n) for n in range(100_000)).encode()
    prefilter = make_prefilter(pack, "combined")
    assert prefilter is not None
    taken = []
    for _ in range(5):
        begin = time.process_time()
        assert not list(prefilter.lines(block))
        taken.append(time.process_time() - begin)
    rate, size = 100_000 / min(taken), len(block) / min(taken) / 1e6
    print(f"  pack appsec, lines that cannot match: {rate:,.0f} lines/s, {size:,.0f} MB/s")


if __name__ == "__main__":
    sys.exit(main(*map(int, sys.argv[1:])))
