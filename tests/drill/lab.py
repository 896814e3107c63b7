"""The lab's rules, and a drill of the password guessing."""

from __future__ import annotations

from pathlib import Path

from tests.conftest import ROOT
from tocsin.drill import Drill, SyntheticSeries
from tocsin.durations import MINUTE, SECOND
from tocsin.labels import Labels
from tocsin.rules import load_rule_file

RULES = Path(ROOT / "examples/lab/rules/security.yml")
START = 1_795_132_803_000_000


def groups(text=None):
    data = RULES.read_bytes() if text is None else text.encode()
    return load_rule_file(data, "security.yml").groups


def guessing(**more):
    labels = Labels({"__name__": "login_failures_total", "job": "login", "instance": "drill"})
    values = tuple(float(20 * n) for n in range(60))
    fields = {
        "name": "guessing", "control": "logical-access", "alert": "ExcessiveLoginFailures",
        "receiver": "drills", "series": (SyntheticSeries(labels, values),),
        "interval": 15 * SECOND, "within": 10 * MINUTE, "at": None,
    }  # fmt: skip
    return Drill(**{**fields, **more})
