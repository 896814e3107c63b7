"""What was in force is in the bundle as it was, whatever became of the files on disk."""

from __future__ import annotations

import hashlib
import json
import sqlite3
from contextlib import closing
from datetime import UTC, datetime

from tests.engine.daemon import Daemon, wait_for
from tests.engine.test_log_daemon import ALARM, FILTER

from tocsin.definitions import load_definitions
from tocsin.evidence import segments_of

RULES = {"groups": [{"name": "g", "rules": [{"alert": "A", "expr": "up > 0"}]}]}
LOGS = {"log_groups": [{"name": "/web", "paths": ["access.log"]}], "definitions": ["main.tf"]}


def sealed(tocsin, folder):
    """The folder of today, and its day.json."""
    today = datetime.now(UTC).strftime("%Y%m%d")
    tocsin("seal", today, "--early", "--folder", "evidence")
    made = folder / "evidence" / today
    return made, json.loads((made / "day.json").read_text())


def texts(made, segment):
    found = {}
    for each in segment["rules"]:
        assert each["kept"] == "whole"
        found[each["path"]] = (made / f"rules/{each['sha256']}.yml").read_bytes()
        assert hashlib.sha256(found[each["path"]]).hexdigest() == each["sha256"]
    return found


def test_each_text_that_was_in_force_is_there_though_the_files_changed_since(tocsin, tmp_path):
    (tmp_path / "main.tf").write_text(FILTER + ALARM % (10, 60))
    with Daemon(tmp_path, LOGS, RULES) as daemon:
        wait_for(lambda: daemon.query("vector(1)"), "an answer")
        first = (tmp_path / "rules.yml").read_bytes()
        (tmp_path / "main.tf").write_text(FILTER + ALARM % (1000, 60))
        changed = {"groups": [{"name": "g", "rules": [{"alert": "A", "expr": "up > 1"}]}]}
        daemon.write(LOGS, changed)
        second = (tmp_path / "rules.yml").read_bytes()
        daemon.process.send_signal(1)
        wait_for(lambda: "up > 1" in daemon.get("/api/v1/rules")[1], "the reload")
    (tmp_path / "rules.yml").unlink()
    (tmp_path / "main.tf").write_text("# nothing\n")
    (tmp_path / "tocsin.yaml").write_text("storage: {folder: .tocsin}\n")
    made, day = sealed(tocsin, tmp_path)
    before, after = day["rules_in_force"]
    found = [texts(made, segment) for segment in (before, after)]
    assert [each["rules.yml"] for each in found] == [first, second]
    thresholds = [
        load_definitions([("definitions", each["definitions"])], {}).alarms[0].threshold
        for each in found
    ]
    assert thresholds == [10.0, 1000.0]
    # Of the configuration there is the hash alone: it may hold secrets.
    assert len(before["configuration"]["sha256"]) == 64
    tocsin("verify", "evidence", "--key", "evidence.key.pub", code=5)


def test_a_text_that_is_kept_nowhere_is_not_passed_off(tocsin, tmp_path):
    with Daemon(tmp_path, {"scrape": []}, RULES) as daemon:
        wait_for(lambda: daemon.query("vector(1)"), "an answer")
    with closing(sqlite3.connect(daemon.state / "tocsin.db")) as db, db:
        db.execute("DELETE FROM text")
    path = tmp_path / "rules.yml"
    path.write_text(path.read_text() + "\n# weaker\n")
    made, day = sealed(tocsin, tmp_path)
    (rule,) = day["rules_in_force"][0]["rules"]
    assert rule["kept"] == "not kept: the file was changed before the day was sealed"
    assert not (made / "rules").exists()


def test_rules_in_force_go_on_from_the_day_before(tocsin, tmp_path):
    with Daemon(tmp_path, {"scrape": []}, RULES) as daemon:
        wait_for(lambda: daemon.query("vector(1)"), "an answer")
    before = (sealed(tocsin, tmp_path)[0] / "day.json").read_bytes()
    (segment,) = segments_of([], before)
    assert segment.since == json.loads(before)["rules_in_force"][0]["since"]
    assert len(segment.rules) == 1
    assert segments_of([(1, {"pid": 1})], b"") == ()
