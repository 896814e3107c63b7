"""The three speed bars of the evaluator, beside Debian's Prometheus over HTTP.

`python -m bench.promql` prints the table. Both hold the same samples and answer the same
queries in the same run; the peer's time includes HTTP on loopback, because that is how
a Python program gets an answer from it. Without the package, its column is empty.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from tests.promql._prometheus import BINARY, PROMTOOL, ask, exposition, fetch, prometheus

from tocsin.labels import Labels
from tocsin.promql import Options, Vector, evaluate, parse
from tocsin.series import Batch, Head

if TYPE_CHECKING:
    from collections.abc import Callable

SECOND = 1_000_000
START = 1_700_000_000 * SECOND
SAMPLES, STEP = 60, 5 * SECOND
NOW = START + (SAMPLES - 1) * STEP
BOUNDS = ("0.005", "0.01", "0.025", "0.05", "0.1", "0.25", "0.5", "1", "2.5", "5", "10", "+Inf")
QUERIES = (
    ("one series, one rule", "increase(one[5m]) > 15", 200),
    ("10,000 series of 60 samples", "increase(many[5m])", 9),
    (
        "p95 of 1,000 histograms of 12 buckets",
        "histogram_quantile(0.95, sum by (le, i) (rate(latency_bucket[5m])))",
        9,
    ),
)


def _labels() -> list[Labels]:
    one = [Labels({"__name__": "one", "job": "web"})]
    many = [Labels({"__name__": "many", "i": str(i), "job": "web"}) for i in range(10_000)]
    buckets = [
        Labels({"__name__": "latency_bucket", "i": str(i), "le": le})
        for i in range(1_000)
        for le in BOUNDS
    ]
    return one + many + buckets


def _columns(count: int) -> np.ndarray:
    """Counters that grow by 0 to 4 a step; buckets grow with their bound."""
    rng = np.random.default_rng(1)
    steps = rng.integers(0, 5, (count, SAMPLES))
    steps[10_001:] = np.cumsum(steps[10_001:].reshape(-1, len(BOUNDS), SAMPLES), axis=1).reshape(
        -1, SAMPLES
    )
    return np.cumsum(steps, axis=1).astype(np.float64)


def _median(run: Callable[[], object], times: int) -> float:
    run()
    taken = []
    for _ in range(times):
        begun = time.perf_counter()
        run()
        taken.append(time.perf_counter() - begun)
    return statistics.median(taken)


def rows() -> list[tuple[str, float, str, float]]:
    """What was measured: name, our seconds, the peer, its seconds (NaN without it)."""
    labels = tuple(_labels())
    columns = _columns(len(labels))
    head = Head(3600 * SECOND)
    for index in range(SAMPLES):
        head.append(Batch("bench", START + index * STEP, labels, columns[:, index]))
    ours, sizes = [], []
    for _, text, times in QUERIES:
        query, options = parse(text), Options(version=2)
        result = evaluate(query, head, NOW, options=options)
        assert isinstance(result, Vector)
        sizes.append(len(result.labels))
        ours.append(_median(lambda: evaluate(query, head, NOW, options=options), times))  # noqa: B023
    peer, theirs = "Prometheus (not installed)", [float("nan")] * len(QUERIES)
    if BINARY and PROMTOOL:
        moments = [START + index * STEP for index in range(SAMPLES)]
        text = exposition(
            (each, zip(moments, column, strict=True))
            for each, column in zip(labels, columns.tolist(), strict=True)
        )
        with tempfile.TemporaryDirectory() as folder, prometheus(Path(folder), text) as address:
            peer = f"Prometheus {ask(address, 'status/buildinfo')['version']} over HTTP"
            theirs = [
                _peer(address, text, times, size)
                for (_, text, times), size in zip(QUERIES, sizes, strict=True)
            ]
    return [
        (name, mine, peer, other)
        for (name, _, _), mine, other in zip(QUERIES, ours, theirs, strict=True)
    ]


def _peer(address: str, text: str, times: int, size: int) -> float:
    moment = f"{NOW / SECOND:.3f}"
    answer = ask(address, "query", query=text, time=moment)
    assert len(answer["result"]) == size, "the two answers differ in size"
    return _median(lambda: fetch(address, "query", query=text, time=moment), times)


def main() -> int:
    print(f"{'query':40} {'Tocsin':>12} {'peer':>12} {'ratio':>8}")
    peer = ""
    for name, ours, who, theirs in rows():
        peer = who
        print(f"{name:40} {ours * 1e3:9.3f} ms {theirs * 1e3:9.3f} ms {theirs / ours:7.1f}x")
    print(f"peer: {peer}; medians")
    return 0


if __name__ == "__main__":
    sys.exit(main())
