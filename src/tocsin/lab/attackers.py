"""The visitors of the lab: one honest, three not.

`python -m tocsin.lab.attackers KIND --target http://127.0.0.1:PORT` sends a bounded number of
logins to a loopback address and to nothing else, then prints one line of JSON with what it did.
"""

from __future__ import annotations

import argparse
import json
import random
import signal
import sys
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException
from ipaddress import ip_address
from typing import TYPE_CHECKING
from urllib.parse import urlencode, urlsplit

from tocsin.lab.app import MAX_PASSWORD, USERS, password_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

__all__ = ["KINDS", "Attempt", "Target", "attack", "main", "parse_target", "plan"]

KINDS = ("traffic", "brute-force", "stuffing", "slow-down")
MAX_ATTEMPTS = 20_000
MAX_SECONDS = 600.0
MAX_RATE = 200.0
AT_ONCE = 8
TIMEOUT = 10.0

Target = tuple[str, int]


@dataclass(frozen=True, slots=True)
class Attempt:
    """One login to try."""

    user: str
    """Whom to log in as."""

    password: str
    """What to say."""

    client: str
    """The address to come from, as X-Forwarded-For."""


def parse_target(url: str) -> Target:
    """Read `http://127.0.0.1:PORT`; anything that is not loopback is refused."""
    parts = urlsplit(url)
    host = "127.0.0.1" if parts.hostname == "localhost" else parts.hostname or ""
    try:
        loopback = ip_address(host).is_loopback
        port = parts.port or 0
    except ValueError:
        loopback, port = False, 0
    if parts.scheme != "http" or not loopback or not port or parts.path.strip("/") or parts.query:
        raise ValueError(
            f"{url!r} is not a loopback target\n"
            "hint: the attackers only go to http://127.0.0.1:PORT, this very machine"
        )
    return host, port


def plan(kind: str, count: int, seed: int) -> Iterator[Attempt]:
    """Yield the attempts of a visitor: the same ones for the same seed."""
    chance = random.Random(seed)  # noqa: S311 - a repeatable script, not a secret
    for number in range(count):
        user = chance.choice(USERS)
        guess = f"guess-{number}-{chance.randrange(10**6)}"
        if kind == "traffic":
            right = chance.random() >= 0.03
            home = f"192.0.2.{1 + USERS.index(user)}"
            yield Attempt(user, password_of(user) if right else guess, home)
        elif kind == "brute-force":
            yield Attempt(USERS[7], guess, "203.0.113.66")
        elif kind == "stuffing":
            leaked = f"{chance.choice(('anna', 'ben', 'cleo', 'dan'))}{number}@example.test"
            yield Attempt(leaked, guess, f"198.51.100.{1 + number % 12}")
        elif kind == "slow-down":
            yield Attempt(user, password_of(user).ljust(MAX_PASSWORD), "203.0.113.99")
        else:
            raise ValueError(f"no visitor is called {kind!r}\nhint: one of {', '.join(KINDS)}")


def attack(
    kind: str,
    target: Target,
    *,
    rate: float,
    seconds: float,
    seed: int = 0,
    stop: threading.Event | None = None,
    clock: Callable[[], float] = time.monotonic,
) -> dict[str, object]:
    """Send `rate` attempts a second for so many seconds; return what came back."""
    if not 0 < rate <= MAX_RATE or not 0 < seconds <= MAX_SECONDS:
        raise ValueError(
            f"rate {rate:g} for {seconds:g} s is out of bounds\n"
            f"hint: at most {MAX_RATE:g} a second, for at most {MAX_SECONDS:g} s"
        )
    count = min(max(1, round(rate * seconds)), MAX_ATTEMPTS)
    stop = stop or threading.Event()
    start = clock()
    sent = []
    with ThreadPoolExecutor(AT_ONCE) as pool:
        for number, attempt in enumerate(plan(kind, count, seed)):
            # Against the plan, not against the last attempt: a slow answer shifts nothing.
            if stop.wait(max(0.0, start + number / rate - clock())):
                pool.shutdown(cancel_futures=True)
                break
            sent.append(pool.submit(_login, target, attempt))
    done = [future for future in sent if not future.cancelled()]
    statuses = Counter(future.result() for future in done)
    errors = statuses.pop(0, 0)
    return {
        "kind": kind,
        "target": f"{target[0]}:{target[1]}",
        "attempts": len(done),
        "failures": statuses[401],
        "statuses": {str(status): number for status, number in sorted(statuses.items())},
        "errors": errors,
        "stopped": stop.is_set(),
        "seconds": round(clock() - start, 3),
    }


def _login(target: Target, attempt: Attempt) -> int:
    """Return the status, or 0 where there was no answer."""
    body = urlencode({"user": attempt.user, "password": attempt.password})
    headers = {
        "Content-Type": "application/x-www-form-urlencoded",
        "X-Forwarded-For": attempt.client,
    }
    connection = HTTPConnection(*target, timeout=TIMEOUT)
    try:
        connection.request("POST", "/login", body, headers)
        answer = connection.getresponse()
        answer.read()
    except (OSError, HTTPException):
        return 0
    else:
        return answer.status
    finally:
        connection.close()


def main(arguments: list[str] | None = None) -> int:
    """Run one visitor as a process; 1 where not one attempt was answered."""
    parser = argparse.ArgumentParser(prog="tocsin.lab.attackers", description="Visit the lab app.")
    parser.add_argument("kind", choices=KINDS)
    parser.add_argument("--target", required=True, help="http://127.0.0.1:PORT")
    parser.add_argument("--rate", type=float, default=5.0, help="attempts a second")
    parser.add_argument("--seconds", type=float, default=30.0, help="how long")
    parser.add_argument("--seed", type=int, default=0, help="the same seed, the same attempts")
    options = parser.parse_args(arguments)
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda _signal, _frame: stop.set())
    try:
        summary = attack(
            options.kind,
            parse_target(options.target),
            rate=options.rate,
            seconds=options.seconds,
            seed=options.seed,
            stop=stop,
        )
    except ValueError as error:
        parser.error(str(error))
    sys.stdout.write(json.dumps(summary) + "\n")
    return int(summary["attempts"] == summary["errors"])


if __name__ == "__main__":
    sys.exit(main())
