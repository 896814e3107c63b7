"""`tocsin evidence key, collect, seal, verify, anchor, attest` as people run them."""

from __future__ import annotations

import hashlib
import json
import re
import subprocess
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
from click.testing import CliRunner
from tests.engine.daemon import Daemon, free_port, target, wait_for
from tests.seal.chains import COSIGNER, ORIGIN, SCRIPT, run_script
from tests.witness.test_service import serving

from tocsin.cli._evidence import evidence
from tocsin.cli._exit import code_of
from tocsin.errors import TocsinError
from tocsin.evidence import segments_of
from tocsin.seal import read_key_file

NOWHERE = "http://127.0.0.1:1"


@pytest.fixture
def tocsin(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    def run(*arguments, code=0, **environment):
        words = [str(argument) for argument in arguments]
        done = CliRunner().invoke(evidence, words, standalone_mode=False, env=environment)
        error = done.exception
        if error is not None and not isinstance(error, TocsinError):
            raise error
        told = done.stdout + done.stderr + (str(error) if error else "")
        assert (code_of(error) if error else done.return_value or 0) == code, told
        return told if code else done.stdout

    (tmp_path / "allowed_signers").write_text(run("key", "--name", ORIGIN))
    return run


def collect(tocsin, day):
    tocsin("collect", "--prometheus", NOWHERE, "--day", day, code=3)


def test_the_way_from_a_key_to_a_verdict(tocsin, tmp_path):
    collect(tocsin, "2026-11-01")
    assert tocsin("seal", "2026-11-01") == "sealed  evidence/20261101  14 files\n"
    # The days in between are sealed too, though nobody collected anything.
    assert tocsin("seal", "20261103").count("sealed") == 2
    anchor = tocsin("anchor")
    assert re.fullmatch(rf"{ORIGIN}\n3\n[A-Za-z0-9+/]{{43}}=\n", anchor)
    (tmp_path / "anchor").write_text(anchor)
    assert "UNANCHORED" in tocsin("verify", "--key", "evidence.key.pub", code=5)
    told = tocsin("verify", "--allowed-signers", "allowed_signers", "--anchor", "anchor")
    assert told.endswith("nothing is altered\nANCHORED: up to 20261103\n")
    done = run_script(tmp_path / "evidence", "../allowed_signers", "../anchor")
    assert (done.returncode, done.stderr) == (0, "")
    day = json.loads((tmp_path / "evidence/20261102/day.json").read_text())
    assert (day["records"], day["number"], day["previous"]["day"]) == ([], 2, "20261101")
    report = json.loads(
        tocsin("verify", "--key", "evidence.key.pub", "--format", "json", "--anchor", "anchor")
    )
    assert report["holds"]
    assert report["anchored"] == "20261103"


def test_an_alteration_is_told_with_its_place(tocsin, tmp_path):
    collect(tocsin, "2026-11-01")
    tocsin("seal", "2026-11-01")
    path = tmp_path / "evidence/20261101/control-slo.json"
    path.chmod(0o644)
    path.write_text(path.read_text().replace("not-run", "operated"))
    told = tocsin("verify", "--key", "evidence.key.pub", code=1)
    assert "FAULT  20261101/control-slo.json: altered" in told
    assert "ALTERED" in told


def test_what_comes_late_goes_into_a_later_day(tocsin, tmp_path):
    collect(tocsin, "2026-11-01")
    tocsin("seal", "2026-11-01")
    before = {p: p.read_bytes() for p in (tmp_path / "evidence/20261101").rglob("*") if p.is_file()}
    collect(tocsin, "2026-11-01")
    assert {
        p: p.read_bytes() for p in (tmp_path / "evidence/20261101").rglob("*") if p.is_file()
    } == before
    assert (tmp_path / "evidence/20261102/late/20261101/control-slo.json").exists()
    assert "not sealed" in tocsin("verify", "--key", "evidence.key.pub", code=5)
    tocsin("seal", "2026-11-02")
    day = json.loads((tmp_path / "evidence/20261102/day.json").read_text())
    assert {(line["state"], line["day"], line["says"]) for line in day["late"]} == {
        ("late", "2026-11-01", "not-run")
    }
    assert len(day["late"]) == 4
    tocsin("verify", "--key", "evidence.key.pub", code=5)


def test_answers_lie_beside_the_records_byte_for_byte(tocsin, tmp_path):
    body = b'{"status":"error","errorType":"x","error":"\xff"}'

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_arguments):
            pass

    with http_server(Handler) as url:
        tocsin("collect", "--prometheus", url, "--day", "2026-11-01")
    tocsin("seal", "2026-11-01")
    digest = hashlib.sha256(body).hexdigest()
    assert (tmp_path / f"evidence/20261101/raw/{digest}").read_bytes() == body


@contextmanager
def http_server(handler):
    server = HTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_refusals_say_what_to_do(tocsin, tmp_path):
    assert "is sealed already" not in tocsin("seal", "2026-11-01")
    assert "sealed already, hint:" in tocsin("seal", "2026-11-01", code=1)
    assert "is before 20261101" in tocsin("seal", "2026-10-31", code=1)
    assert "not begun" in tocsin("seal", "2999-01-01", code=2)
    assert "not a day" in tocsin("seal", "2026-11-31", code=2)
    assert "not a day" in tocsin("seal", "2026-1101", code=2)
    assert "either --key or --allowed-signers" in tocsin("verify", code=2)
    assert "can't read" in tocsin("verify", "--key", "nothing.pub", code=2)
    assert "not one public key" in tocsin("verify", "--key", "evidence.key", code=2)
    assert "not a checkpoint" in tocsin(
        "verify", "--key", "evidence.key.pub", "--anchor", "allowed_signers", code=2
    )
    assert "old key is never" in tocsin("key", code=4)
    assert "no sealed day" in tocsin("anchor", tmp_path, code=1)
    assert "can't read" in tocsin("verify", "nowhere", "--key", "evidence.key.pub", code=4)
    assert "whom to ask" in tocsin("attest", code=2)
    (tmp_path / "evidence.key").chmod(0o644)
    assert "others can read" in tocsin("seal", "2026-11-02", code=4)


def test_today_is_sealed_early_only_when_asked(tocsin, tmp_path):
    today = subprocess.run(["date", "-u", "+%F"], capture_output=True, text=True).stdout.strip()
    assert "is not over" in tocsin("seal", today, code=1)
    tocsin("seal", today, "--early")
    day = json.loads((tmp_path / "evidence" / today.replace("-", "") / "day.json").read_text())
    assert day["period"]["over"] is False


def test_another_key_is_told_from_the_pinned_one(tocsin, tmp_path):
    tocsin("seal", "2026-11-01")
    tocsin("key", "--file", "other.key")
    told = tocsin("verify", "--key", "other.key.pub", code=1)
    assert "not among those given" in told


@pytest.mark.parametrize(
    ("options", "code"),
    [
        ('valid-after="20261101Z",valid-before="20261103Z"', 5),
        ('valid-after="20261102Z"', 1), ('valid-before="20261101Z"', 1),
        ('namespaces="tocsin-evidence,git"', 5), ('namespaces="git"', 1), ('namespaces="tocsin-*"', 5),
    ],
)  # fmt: skip
def test_allowed_signers_mean_what_they_mean_to_ssh_keygen(tocsin, tmp_path, options, code):
    tocsin("seal", "2026-11-01")
    key = (tmp_path / "evidence.key.pub").read_text()
    (tmp_path / "signers").write_text(f"# who\nevidence@*,!other@x {options} {key}")
    tocsin("verify", "--allowed-signers", "signers", code=code)
    assert run_script(tmp_path / "evidence", "../signers").returncode == code


def test_the_ledger_of_the_daemon_is_in_the_bundle_whole(tocsin, tmp_path):
    with target(lambda: "level 1\n") as up:
        config = {
            "scrape": [{"job": "j", "targets": [f"127.0.0.1:{up.port}"], "interval": "200ms"}]
        }
        rules = {"groups": [{"name": "g", "interval": "200ms", "rules": [
            {"alert": "A", "expr": "level > 0"}]}]}  # fmt: skip
        with Daemon(tmp_path, config, rules) as daemon:
            wait_for(lambda: daemon.query('ALERTS{alertstate="firing"}'), "an alert")
            # While it runs.
            today = subprocess.run(
                ["date", "-u", "+%Y%m%d"], capture_output=True, text=True
            ).stdout.strip()
            tocsin("seal", today, "--early", "--folder", "evidence")
    folder = tmp_path / "evidence" / today
    lines = [json.loads(line) for line in (folder / "ledger.jsonl").read_text().splitlines()]
    assert [line["seq"] for line in lines] == list(range(1, len(lines) + 1))
    assert {"start", "transition"} <= {line["kind"] for line in lines}
    day = json.loads((folder / "day.json").read_text())
    assert day["ledger"]["last"] == len(lines)
    (segment,) = day["rules_in_force"]
    (rule,) = segment["rules"]
    assert rule["kept"] == "whole"
    data = (folder / f"rules/{rule['sha256']}.yml").read_bytes()
    assert hashlib.sha256(data).hexdigest() == rule["sha256"]
    tocsin("verify", "--key", "evidence.key.pub", "evidence", code=5)


CANARIES = {
    "password": "kanari-password-77", "token": "kanariTOKEN7712345abc", "query": "kanariquery0001",
    "environment": "kanari-env-0001-zz", "hook": "kanariHOOK0001abcdef", "user": "kanari-user-1",
    "bearer": "kanaribearer.abc-123", "aws": "AKIAKANARIKANARI0001",
}  # fmt: skip


def test_no_secret_gets_into_a_bundle(tocsin, tmp_path):
    """Secrets in the configuration, the environment, addresses, and what a source answers."""
    c = CANARIES
    answer = json.dumps({
        "status": "success", "data": {"activeTargets": [
            {"labels": {"job": "j", "password": c["password"]}, "health": "down",
             "lastError": f"GET http://{c['user']}:{c['password']}@127.0.0.1/?key={c['query']}: "
             f"Authorization: Bearer {c['bearer']} {c['aws']} {c['environment']} {c['hook']}"},
        ]},
    }).encode()  # fmt: skip

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200)
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *_arguments):
            pass

    (tmp_path / "hook.url").write_text(f"http://127.0.0.1:{free_port()}/services/{c['hook']}\n")
    rules = {"groups": [{"name": "g", "interval": "200ms", "rules": [
        {"alert": "A", "expr": "level > 0", "labels": {"api_token": c["token"]},
         "annotations": {"text": f"curl -H 'Authorization: Bearer {c['bearer']}'"}}]}]}  # fmt: skip
    with target(lambda: "level 1\n") as up, http_server(Handler) as url:
        config = {
            "scrape": [{"job": "j", "interval": "200ms", "targets": [
                f"http://{c['user']}:{c['password']}@127.0.0.1:{up.port}/metrics?key={c['query']}"]}],
            "receivers": [{"name": "r", "webhook": {"url_file": "hook.url"}}],
        }  # fmt: skip
        with Daemon(tmp_path, config, rules) as daemon:
            wait_for(lambda: daemon.query('ALERTS{alertstate="firing"}'), "an alert")
        secret = {"MY_API_TOKEN": c["environment"]}
        tocsin("collect", "--prometheus", url, "--folder", "evidence", **secret)
        today = subprocess.run(
            ["date", "-u", "+%Y%m%d"], capture_output=True, text=True
        ).stdout.strip()
        tocsin("seal", today, "--early", "--folder", "evidence", **secret)
    found = {
        (name, str(path.relative_to(tmp_path)))
        for path in (tmp_path / "evidence").rglob("*")
        if path.is_file()
        for name, canary in c.items()
        if canary.encode() in path.read_bytes()
    }
    assert found == set()
    day = json.loads((tmp_path / "evidence" / today / "day.json").read_text())
    assert sum(day["redactions"].values()) > 0
    (rule,) = day["rules_in_force"][0]["rules"]
    assert rule["kept"] == "redacted"
    record = json.loads((tmp_path / "evidence" / today / "logging-and-monitoring.json").read_text())
    assert any(each["answer"]["redacted"] for each in record["inputs"])
    tocsin("verify", "evidence", "--key", "evidence.key.pub", code=5)


def test_a_witness_vouches_for_the_end(tocsin, tmp_path):
    tocsin("seal", "2026-11-01")
    (tmp_path / "w").mkdir()
    with serving_for(tmp_path) as url:
        tocsin("attest", "--witness", url)
        assert "has its checkpoint.cosig already" in tocsin("attest", "--witness", url, code=1)
        tocsin("seal", "2026-11-02")
        tocsin("attest", "--witness", url)
        told = tocsin("verify", "--key", "evidence.key.pub", "--witness-key", COSIGNER.vkey, code=5)
        assert "WITNESSED: up to 20261102" in told
        assert "not checked: 20261102/checkpoint.cosig" in tocsin(
            "verify", "--key", "evidence.key.pub", code=5
        )


@contextmanager
def serving_for(tmp_path):
    (signer,) = read_key_file((tmp_path / "evidence.key.pub").read_bytes(), "key")
    with serving(tmp_path / "w", (signer,)) as url:
        yield url


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    """A time-stamp authority of openssl, for tests only."""
    home = tmp_path_factory.mktemp("tsa")
    (home / "tsa.cnf").write_text(
        "[req]\ndistinguished_name=dn\nx509_extensions=v3\n[dn]\n[v3]\nextendedKeyUsage=critical,timeStamping\n"
        "[tsa]\ndefault_tsa=t\n[t]\nserial=serial\ncrypto_device=builtin\nsigner_cert=cert.pem\n"
        "certs=cert.pem\nsigner_key=key.pem\nsigner_digest=sha256\ndefault_policy=1.2.3.4\n"
        "digests=sha256,sha384,sha512\naccuracy=secs:1\ness_cert_id_alg=sha256\n"
    )
    (home / "serial").write_text("01\n")
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", "key.pem", "-out", "cert.pem",
         "-days", "30", "-subj", "/CN=Test TSA", "-config", "tsa.cnf"],
        cwd=home, check=True, capture_output=True,
    )  # fmt: skip

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            (home / "query").write_bytes(self.rfile.read(int(self.headers["Content-Length"])))
            subprocess.run(
                ["openssl", "ts", "-reply", "-queryfile", "query", "-out", "reply", "-config", "tsa.cnf"],
                cwd=home, check=True, capture_output=True,
            )  # fmt: skip
            reply = (home / "reply").read_bytes()
            self.send_response(200)
            self.send_header("Content-Length", str(len(reply)))
            self.end_headers()
            self.wfile.write(reply)

        def log_message(self, *_arguments):
            pass

    with http_server(Handler) as url:
        yield url, home / "cert.pem"


def test_an_authority_stamps_the_checkpoint(tocsin, tmp_path, authority):
    pytest.importorskip("rfc3161_client")
    url, root = authority
    tocsin("seal", "2026-11-01")
    tocsin("attest", "--timestamp", url)
    told = tocsin("verify", "--key", "evidence.key.pub", "--tsa", root, code=5)
    assert "STAMPED: 20261101" in told
    assert "not checked: 20261101/checkpoint.tsr" in tocsin(
        "verify", "--key", "evidence.key.pub", code=5
    )
    (tmp_path / "anchor").write_text(tocsin("anchor"))
    done = run_script(tmp_path / "evidence", "../allowed_signers", "../anchor", more=(root,))
    assert (done.returncode, "not checked: " in done.stdout) == (0, False), done.stdout
    token = tmp_path / "evidence/20261101/checkpoint.tsr"
    data = token.read_bytes()
    token.chmod(0o644)
    token.write_bytes(data[:-20] + bytes([data[-20] ^ 1]) + data[-19:])
    assert "checkpoint.tsr" in tocsin("verify", "--key", "evidence.key.pub", "--tsa", root, code=1)
    done = run_script(tmp_path / "evidence", "../allowed_signers", "../anchor", more=(root,))
    assert done.returncode == 1
    token.write_bytes(data)
    tocsin("seal", "2026-11-02")
    token.write_bytes(data[:-1])
    assert "not the one that 20261102 follows" in tocsin(
        "verify", "--key", "evidence.key.pub", code=1
    )


def test_nobody_to_stamp(tocsin):
    pytest.importorskip("rfc3161_client")
    tocsin("seal", "2026-11-01")
    assert "can't be asked" in tocsin("attest", "--timestamp", NOWHERE, code=3)


def test_the_script_in_the_bundle_is_the_one_of_the_package(tocsin, tmp_path):
    tocsin("seal", "2026-11-01")
    assert (tmp_path / "evidence/20261101/verify.sh").read_bytes() == SCRIPT.read_bytes()


def test_names_are_replaced_and_one_can_be_opened(tocsin, tmp_path):
    answer = json.dumps({"status": "success", "data": {"alerts": [
        {"labels": {"alertname": "A", "user": "alice"}, "state": "firing", "activeAt": "2026-11-01T00:00:00Z"}
    ]}}).encode()  # fmt: skip

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200)
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *_arguments):
            pass

    with http_server(Handler) as url:
        tocsin("collect", "--prometheus", url, "--day", "2026-11-01", "--commit", "user")
    tocsin("seal", "2026-11-01", "--commit", "user")
    texts = [p.read_bytes() for p in (tmp_path / "evidence").rglob("*") if p.is_file()]
    assert not any(b"alice" in text for text in texts)
    (made,) = {m for text in texts for m in re.findall(rb"commit:[0-9a-f]{64}", text)}
    told = tocsin("open", made.decode())
    assert told.startswith("user  alice\nsalt  ")
    check = told.splitlines()[-1].removeprefix("check: ")
    done = subprocess.run(["sh", "-c", check], capture_output=True, text=True)
    assert f"commit:{done.stdout[:64]}" == made.decode()
    assert "nothing opens" in tocsin("open", "commit:00", code=1)
    assert (tmp_path / "evidence.openings/secret").stat().st_mode & 0o077 == 0
    tocsin("verify", "--key", "evidence.key.pub", code=5)


def test_rules_that_were_changed_before_sealing_are_not_passed_off(tocsin, tmp_path):
    rules = {"groups": [{"name": "g", "rules": [{"alert": "A", "expr": "up > 0"}]}]}
    with Daemon(tmp_path, {"scrape": []}, rules) as daemon:
        wait_for(lambda: daemon.query("vector(1)"), "an answer")
    (path,) = [p for p in tmp_path.glob("*.yml") if b"alert" in p.read_bytes()]
    path.write_text(path.read_text() + "\n# weaker\n")
    today = subprocess.run(["date", "-u", "+%Y%m%d"], capture_output=True, text=True).stdout.strip()
    tocsin("seal", today, "--early", "--folder", "evidence")
    day = json.loads((tmp_path / "evidence" / today / "day.json").read_text())
    (rule,) = day["rules_in_force"][0]["rules"]
    assert rule["kept"] == "not kept: the file was changed before the day was sealed"
    assert not (tmp_path / "evidence" / today / "rules").exists()


def test_rules_in_force_go_on_from_the_day_before(tocsin, tmp_path):
    rules = {"groups": [{"name": "g", "rules": [{"alert": "A", "expr": "up > 0"}]}]}
    with Daemon(tmp_path, {"scrape": []}, rules) as daemon:
        wait_for(lambda: daemon.query("vector(1)"), "an answer")
    today = subprocess.run(["date", "-u", "+%Y%m%d"], capture_output=True, text=True).stdout.strip()
    tocsin("seal", today, "--early", "--folder", "evidence")
    before = (tmp_path / "evidence" / today / "day.json").read_bytes()
    (segment,) = segments_of([], before)
    assert segment.since == json.loads(before)["rules_in_force"][0]["since"]
    assert len(segment.rules) == 1
    assert segments_of([(1, {"pid": 1})], b"") == ()
