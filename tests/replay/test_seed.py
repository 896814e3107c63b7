"""Where a replay counts more names than it has room for, nobody can work out who shares a place."""

from __future__ import annotations

from itertools import count, islice

from tests.replay.test_behind_alerts import RULES
from tocsin.correlation import load_sigma
from tocsin.correlation._summary import fingerprint
from tocsin.replay import Replayer, ReplayOptions
from tocsin.replay._rules import seed_of
from tocsin.source import LogLimits

EXACT = 24_576
"""Users that are counted one by one."""
BUCKETS = (1 << 18) // 16
LINE = "Nov 21 10:00:00 h sshd[7]: Failed password for invalid user {} from 192.0.2.1 port 1 ssh2\n"


def counted(path):
    """Each user's events, and how far they may be off."""
    replayer = Replayer((), (), ReplayOptions(year=2026), LogLimits())
    rules = load_sigma([("rules.yml", RULES.encode())])
    opened, window = replayer.open([str(path)], 0), (0, 2**63)
    found, _ = replayer.top_offenders(opened, rules, lambda _: None, by="user", window=window)
    return [(each.name, each.events, each.error) for each in found.top(50_000)]


def test_a_flood_that_knows_the_program_takes_nothing_off_the_counts(tmp_path):
    """Names of one place under a known seed would take off what others there were counted."""
    names = (f"u{n}" for n in count())
    crowd = list(islice((e for e in names if fingerprint(e, b"") % BUCKETS == 7), 150))
    flood = [f"f{n}" for n in range(EXACT)] + crowd
    log = tmp_path / "auth.log"
    log.write_text("".join(LINE.format(each) for each in flood))
    found = counted(log)
    assert {error for *_, error in found} == {0}
    # And the same log gives the same answer.
    assert counted(log) == found


def test_another_log_has_another_seed(tmp_path):
    log = tmp_path / "auth.log"
    seeds = set()
    for text in ("x", "y"):
        for lines in (1, 2):
            log.write_text(LINE.format(text) * lines)
            opened = Replayer((), (), ReplayOptions(year=2026), LogLimits()).open([str(log)], 0)
            seeds |= {seed_of(opened), seed_of(opened), seed_of(opened * 2)}
    assert len(seeds) == 8
