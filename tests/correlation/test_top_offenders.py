"""Who is behind the events that rules ask for: counts, samples, bounded memory, hostile names."""

import csv
import io
import json
import threading
import tracemalloc
from collections import Counter
from http.server import BaseHTTPRequestHandler, HTTPServer
from urllib.parse import urlsplit

import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.correlation.test_data import RULES

from tests.conftest import ROOT
from tocsin.cli import cli
from tocsin.correlation import Event, TopOffenders, load_sigma
from tocsin.printable import cell

REFUSED = load_sigma([("rules.yml", RULES)])
FIELDS = {"program": "sshd", "event.outcome": "failure"}


def failure(number, address, user, count=1):
    return Event(
        1000 + number, {**FIELDS, "client": address, "user": user}, count, "", f"log:{number}"
    )


ADDRESSES = st.sampled_from([f"192.0.2.{n}" for n in range(6)])
USERS = st.sampled_from([f"u{n}" for n in range(9)])
LOGINS = st.lists(st.tuples(ADDRESSES, USERS, st.integers(1, 3)), max_size=60)


@given(
    logins=LOGINS, order=st.randoms(use_true_random=False), by=st.sampled_from(["address", "user"])
)
@settings(max_examples=100)
def test_equal_to_counting(logins, order, by):
    events = [failure(n, *each) for n, each in enumerate(logins)]
    order.shuffle(events)
    found = TopOffenders(REFUSED, by)
    found.feed(events)
    place = 0 if by == "address" else 1
    true = Counter()
    for each in logins:
        true[each[place]] += each[2]
    top = found.top(100)
    assert {each.name: each.events for each in top} == dict(true)
    assert [each.events for each in top] == sorted(true.values(), reverse=True)
    for each in top:
        mine = [n for n, login in enumerate(logins) if login[place] == each.name]
        assert (each.first, each.last, each.error) == (1000 + min(mine), 1000 + max(mine), 0)
        others = {logins[n][1 - place] for n in mine}
        assert set(each.others) <= others
        assert each.more == (len(others) > len(each.others))
        assert len(each.others) == min(5, len(others))
        assert set(each.samples) <= {f"log:{n}" for n in mine}
        assert len(each.samples) == min(3, len(mine))
        assert (each.rules, each.titles) == (("failure",), ("Login refused",))
    assert found.matched == sum(true.values())


def test_in_bounded_memory():
    found, heavy = TopOffenders(REFUSED, "address", kept=256, seed=b"x"), {}
    tracemalloc.start()
    for n in range(60_000):
        if n == 20_000:
            before = tracemalloc.get_traced_memory()[0]
        found.feed([failure(n, f"10.{n >> 16}.{n >> 8 & 255}.{n & 255}", "u")])
        if n % 10 == 0:
            address = f"192.0.2.{n // 10 % 50}"
            heavy[address] = heavy.get(address, 0) + 1
            found.feed([failure(n, address, f"u{n}")])
    grown = tracemalloc.get_traced_memory()[0] - before
    tracemalloc.stop()
    assert grown < 2 << 20
    top = {each.name: each for each in found.top(50)}
    assert top.keys() == heavy.keys()
    for address, count in heavy.items():
        assert top[address].events <= count <= top[address].events + top[address].error
        assert top[address].samples
        assert top[address].more


def test_what_is_no_offence():
    rules = load_sigma([
        ("r.yml", b"title: Login\nlevel: informational\nlogsource: {product: linux}\n"
                  b"detection: {all: {event.outcome: '*'}, condition: all}\n"),
    ])  # fmt: skip
    found = TopOffenders(rules, "address")
    found.feed([failure(1, "192.0.2.1", "u")])
    assert (found.matched, found.top(9)) == (0, [])


def test_nobody_known_is_told_and_addresses_count_by_64():
    found = TopOffenders(REFUSED, "address")
    found.feed([Event(1, FIELDS), failure(2, "2001:db8::1", "u"), failure(3, "2001:db8::2", "v")])
    assert (found.matched, found.unknown) == (3, 1)
    assert [(each.name, each.events, each.samples) for each in found.top(9)] == [
        ("2001:db8::/64", 2, ("log:2", "log:3"))
    ]


HOSTILE = [
    "=1+1", "+1", "-1", "@SUM(A1)", "\t=1", " =cmd|' /C calc'!A0", "|calc", "%0A", "\uff1d1", "\x1b]0;x\x07",
    "a\r\n=1", 'a","=1', "\u202eevil", "\x9b2J", "'=1", "", " ",
]  # fmt: skip


@given(text=st.sampled_from(HOSTILE) | st.text(max_size=40), at=st.sampled_from(["", " ", "\n"]))
@settings(max_examples=300)
def test_no_cell_is_a_formula_or_obeyed(text, at):
    written = io.StringIO()
    csv.writer(written, lineterminator="\n").writerow([cell(at + text), 7])
    (row,) = csv.reader(io.StringIO(written.getvalue()))
    assert row[1] == "7"
    assert row[0].isprintable()
    assert (
        row[0].lstrip()[:1] not in set("=+-@\t\r\n|%\uff1d\uff0b\uff0d\uff20") or not row[0].strip()
    )


def log_of(users):
    return "".join(
        json.dumps({"time": f"2026-11-21T10:00:{n:02}Z", "event": "authn_login_fail", "client": "192.0.2.1",
                    "user": user}) + "\n"
        for n, user in enumerate(users)
    )  # fmt: skip


def run(*arguments, **more):
    words = ["offenders", *map(str, arguments)]
    return CliRunner().invoke(cli, words, standalone_mode=False, **more)


def test_the_command(tmp_path):
    path = tmp_path / "app.log"
    path.write_text(log_of(["ada", "bob", "ada"]) + "no json\n")
    done = run(path)
    assert done.return_value == 0, done.output
    assert "        3  192.0.2.1 " in done.stdout
    assert (
        "2026-11-21T10:00:00Z to 2026-11-21T10:00:02Z\n           users ada, bob\n" in done.stdout
    )
    assert "Login refused\n" in done.stdout
    assert f"{path}:3\n" in done.stdout
    assert "every count is exact" in done.stderr
    assert "read 4 = counted 3 + dropped 1" in done.stderr
    (found,) = json.loads(run("--by", "user", "-n", 1, "--format", "json", path).stdout)[
        "offenders"
    ]
    assert (found["user"], found["events"], found["addresses"], found["error"]) == (
        "ada",
        2,
        ["192.0.2.1"],
        0,
    )


def test_a_window(tmp_path):
    path = tmp_path / "app.log"
    path.write_text(log_of("abcdef"))
    for options, count in (
        (("--from", "2026-11-21T10:00:02Z"), 4), (("--to", "2026-11-21T10:00:02"), 2),
        (("--from", "2026-11-21T11:00:01+01:00", "--to", "2026-11-21T10:00:04Z"), 3),
    ):  # fmt: skip
        assert json.loads(run(*options, "--format", "json", path).stdout)["matched"] == count
    assert "is no time" in str(run("--from", "yesterday", path).exception)


@pytest.mark.parametrize("by", ["address", "user"])
def test_hostile_names_are_neutral(tmp_path, by):
    path = tmp_path / "app.log"
    path.write_text(log_of(HOSTILE))
    text = run("--by", by, path).stdout
    assert all(each.isprintable() for each in text.split("\n"))
    rows = list(csv.DictReader(io.StringIO(run("--by", by, "--format", "csv", path).stdout)))
    assert rows
    for row in rows:
        for value in row.values():
            assert value.isprintable()
            assert value.lstrip()[:1] not in set("=+-@|%\uff1d")


BUSIEST = [
    {"name": "a", "title": "A", "offenders": [
        {"group": {"source.ip": "192.0.2.1"}, "events": 7, "error": 0, "first": "2026-11-21T10:00:00Z", "last": "2026-11-21T10:00:09Z"},
        {"group": {"source.ip": "192.0.2.2"}, "events": 6, "error": 0, "first": "2026-11-21T10:00:00Z", "last": "2026-11-21T10:00:00Z"},
    ]},
    {"name": "b", "title": "B", "offenders": [
        {"group": {"c-ip": "192.0.2.1"}, "events": 9, "error": 2, "first": "2026-11-21T09:00:00.5Z", "last": "2026-11-21T10:00:01Z"},
        {"group": {"c-ip": "192.0.2.3", "cs-username": "x"}, "events": 99, "error": 0, "first": "2026-11-21T10:00:00Z", "last": "2026-11-21T10:00:00Z"},
    ]},
    {"name": "c", "title": "A", "offenders": [
        {"group": {"user.name": "=1+1"}, "events": 5, "error": 0, "first": "2026-11-21T10:00:00Z", "last": "2026-11-21T10:00:00Z"},
    ]},
]  # fmt: skip


LATEST = [
    {"name": name, "events": events, "error": 0, "first": "2026-11-21T10:00:01Z", "last": "2026-11-21T10:00:20Z",
     "others": ["ada"], "more": False, "rules": ["r"], "titles": ["R"], "samples": ["a.log@7"]}
    for name, events in (("192.0.2.2", 8), ("192.0.2.9", 7), ("192.0.2.1", 3))
]  # fmt: skip


@pytest.fixture
def daemon(request):
    """Answers as a daemon does."""
    busiest = getattr(request, "param", BUSIEST)

    class Answers(BaseHTTPRequestHandler):
        def do_GET(self):
            asked = urlsplit(self.path)
            latest = LATEST if busiest and "by=address" in asked.query else []
            known = {
                "/api/v1/correlations": {"correlations": busiest},
                "/api/v1/offenders": {"offenders": latest},
            }
            body = json.dumps({"status": "success", "data": known.get(asked.path)}).encode()
            self.send_response(200 if asked.path in known else 404)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    server = HTTPServer(("127.0.0.1", 0), Answers)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def test_of_a_running_daemon(daemon):
    found = json.loads(run("--url", daemon, "--format", "json").stdout)["offenders"]
    assert [(each["address"], each["events"], each["error"], each["rules"]) for each in found] == [
        ("192.0.2.1", 9, 2, ["a", "b", "r"]), ("192.0.2.2", 8, 0, ["a", "r"]), ("192.0.2.9", 7, 0, ["r"]),
    ]  # fmt: skip
    assert (found[0]["first"], found[0]["last"]) == ("2026-11-21T09:00:00Z", "2026-11-21T10:00:20Z")
    assert [(each["users"], each["samples"]) for each in found] == 3 * [(["ada"], ["a.log@7"])]
    done = run("--url", daemon, "--format", "json", "--from", "2026-11-21T10:00:00Z")
    assert [each["events"] for each in json.loads(done.stdout)["offenders"]] == [8, 7, 3]
    rows = list(
        csv.reader(io.StringIO(run("--url", daemon, "--by", "user", "--format", "csv").stdout))
    )
    assert rows[1][:2] == ["'=1+1", "5"]
    assert "name some" in str(run("--url", daemon, "--pack", "appsec").exception)


@pytest.mark.parametrize("daemon", [[]], indirect=True)
def test_that_there_is_nobody_is_said(daemon):
    done = run("--url", daemon)
    assert (done.return_value, done.stdout) == (0, "")
    assert done.stderr.startswith("nobody so far, hint: ")


def test_without_a_daemon():
    assert "is `tocsin run` running?" in str(run("--url", "http://127.0.0.1:9").exception)


def test_rules_of_ones_own(tmp_path):
    (tmp_path / "rules.yml").write_text(
        "title: Any\nlogsource: {product: tocsin}\ndetection: {any: {user: '*'}, condition: any}\n"
    )
    path = tmp_path / "app.log"
    path.write_text(log_of(["ada"]))
    done = json.loads(run("--rules", tmp_path / "rules.yml", "--format", "json", path).stdout)
    assert done["offenders"][0]["rules"] == ["Any"]


def test_real_offenders(data):
    log = data / "logs/auth.log"
    found = json.loads(run("--year", 2017, "--format", "json", "-n", 1000, log).stdout)
    counts = {each["address"]: each for each in found["offenders"]}
    assert counts["24.151.103.17"]["events"] == 157
    assert sum(each["events"] for each in counts.values()) == found["matched"]
    assert all(each["error"] == 0 for each in counts.values())
    lines = log.read_text().splitlines()
    for address, each in counts.items():
        for place in each["samples"]:
            assert address in lines[int(place.rpartition(":")[2]) - 1]


def test_the_guide(tmp_path, monkeypatch):
    text = (ROOT / "docs/guides/offenders.md").read_text()
    log, shown = (
        text.split("```text\n")[1].split("```")[0],
        text.split("```console\n")[1].split("```")[0],
    )
    (tmp_path / "auth.log").write_text(log)
    monkeypatch.chdir(tmp_path)
    command, _, rest = shown.partition("\n")
    assert command.startswith("$ tocsin offenders ")
    assert run(*command.split()[3:]).stdout == rest


def test_long_names_that_begin_alike_are_not_one():
    events = [failure(n, "192.0.2.1", "u" * 300 + str(n)) for n in range(3)]
    found = TopOffenders(REFUSED, "user")
    found.feed(events)
    assert [each.events for each in found.top(9)] == [1, 1, 1]
    assert all(len(each.name) <= 200 for each in found.top(9))


def test_no_line_but_of_a_path_is_wider_than_a_terminal(data, tmp_path):
    for by in ("address", "user"):
        command = [
            "offenders",
            "--year",
            "2026",
            "-n",
            "60",
            "--by",
            by,
            str(data / "logs/auth.log"),
        ]
        done = CliRunner().invoke(cli, command, standalone_mode=False)
        lines = [each for each in done.stdout.splitlines() if "auth.log:" not in each]
        assert len(lines) > 60
        assert max(map(len, lines)) <= 80
    access = 'X - - [21/Nov/2026:10:00:00 +0000] "GET /.env HTTP/1.1" 404 1 "-" "-"\n'
    (tmp_path / "a.log").write_text(access.replace("X", "2001:db8:1111:2222:3333:4444:5555:6666"))
    done = CliRunner().invoke(cli, ["offenders", str(tmp_path / "a.log")], standalone_mode=False)
    assert "2001:db8:1111:2222::/64\n           2026-11-21T10:00:00Z\n" in done.stdout
