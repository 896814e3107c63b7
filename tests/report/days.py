"""Chains of small days with records in them."""

from __future__ import annotations

import json

from tests.seal.chains import KEY, ORIGIN, names
from tocsin.bundle import Contents, seal_day, survey
from tocsin.control import utc
from tocsin.durations import DAY
from tocsin.evidence import describe
from tocsin.report._draw import midnight
from tocsin.seal import LedgerEnd, chain_ledger


def record(control, day, state="operated", /, **more):
    """A record as collecting writes it, without bodies."""
    start = midnight(day)
    dashed = f"{day[:4]}-{day[4:6]}-{day[6:]}"
    value = {
        "schema": "tocsin-evidence/1",
        "control": {
            "id": control, "version": 1, "title": control.title(), "objective": "It must hold.",
            "frequency": "daily", "owner": "security",
            "frameworks": {"nist-800-53-r5": ["AC-7", "SI-4(5)"]} if control == "alpha" else {},
        },
        "period": {
            "day": dashed, "start": utc(start), "end": utc(start + DAY), "whole_day": True,
        },
        "state": state, "reasons": [f"it is {state}"], "findings": [], "inputs": [],
        "source": {"url": "http://127.0.0.1:9464", "program": "Tocsin", "version": "1"},
        "collector": {"program": "tocsin", "version": "1", "user": "u", "host": "h"},
        "started": utc(start + DAY), "ended": utc(start + DAY + 60_000_000),
    }  # fmt: skip
    for key, each in more.items():
        value[key] = {**value[key], **each} if isinstance(each, dict) else each
    return json.dumps(value).encode()


def except_again(folder, control):
    """A further record of the control's day, which says that it was an exception."""
    found = json.loads((folder / f"{control}.json").read_text())
    (folder / f"{control}.run2.json").write_text(json.dumps(found | {"state": "exception"}))


def default_files(day):
    return {"alpha.json": record("alpha", day), "beta.json": record("beta", day)}


def put(root, count, files=default_files, entries=lambda day: (), facts=None):
    """Seal days up to the number `count`; those that are sealed already stay."""
    done = survey(root).days if root.exists() else ()
    for day in names(count)[len(done) :]:
        for name, data in files(day).items():
            path = root / day / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
        (root / day).mkdir(parents=True, exist_ok=True)

        def contents(opened, day=day):
            told = list(entries(day))
            seq = opened.ledger.seq
            lines = [(seq + n, time, kind, body) for n, (time, kind, body) in enumerate(told, 1)]
            ledger, end = chain_ledger(lines, opened.ledger or LedgerEnd())
            described = describe(opened.files)
            told = {"sealed": utc(midnight(day) + DAY + 3_600_000_000),
                    "records": described.records, "late": described.late}  # fmt: skip
            return Contents(ledger, end, files={}, facts=told | (facts(day) if facts else {}))

        seal_day(root, day, KEY, ORIGIN, contents)
    return root
