"""The page: safe whatever it is made of, whole without a network, the same bytes again."""

from __future__ import annotations

import base64
import hashlib
import html
import json
import re
import subprocess
import sys
from html.parser import HTMLParser

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.report.days import put, record
from tests.seal.chains import allowed_signers, names
from tocsin.cli._periods import load_period
from tocsin.report import (
    STATES,
    Checked,
    disposition_file,
    put_together,
    read_day_files,
    report_page,
)
from tocsin.report._draw import prose

DAY, NEXT, LAST = names(3)
EVIL = "</script></style><script>alert(1)</script><img src=x onerror=alert(1)>\"'&\u202e\x1b[31m"
CHECKED = Checked("Not checked.", None)


class Page(HTMLParser):
    """Every tag with its attributes, and the text."""

    def __init__(self, data):
        super().__init__()
        self.tags, self.text, self.open = [], "", []
        self.feed(data.decode())
        self.close()

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data):
        self.text += data


def evil_files(day):
    body = json.loads(record("alpha", day, "exception", reasons=[EVIL] * 3, control={
        "title": EVIL, "objective": EVIL, "owner": EVIL, "frameworks": {EVIL: [EVIL]}}))  # fmt: skip
    body["source"]["url"] = body["collector"]["host"] = body["ended"] = EVIL
    body["inputs"] = [{"name": EVIL, "request": {"endpoint": EVIL, "params": {"query": EVIL}}}]
    name, data = disposition_file(day, "alpha", "attack", EVIL, EVIL, EVIL, 0, [])
    return {"alpha.json": json.dumps(body).encode(), f"dispositions/{name}": data}


def evil_entries(day):
    body = {"what": EVIL, "job": EVIL, "detail": EVIL}
    yield 5, "gap", {**body, "state": "open", "start": -(1 << 60)}
    yield 6, "drill", {"id": EVIL, "drill": EVIL, "control": EVIL, "alert": EVIL, "passed": False,
                       "why": EVIL, "metric": -5, "firing": 1 << 60, "weakened": [EVIL]}  # fmt: skip
    yield 7, "notification", {"result": EVIL}
    silence = {"created_by": EVIL, "comment": EVIL, "matchers": [{"name": EVIL, "value": EVIL}, 3]}
    yield 8, "silence", {"what": EVIL, "silence": {**silence, "ends_at": 1 << 60}}
    yield 9, "silence", {"silence": EVIL}
    yield 10, "block", {"what": EVIL, "by": EVIL, "network": EVIL}


def evil_facts(day):
    rules = [{"path": EVIL + day, "sha256": EVIL}]
    told = dict.fromkeys(("commit", "author", "remark", "ticket"), EVIL)
    segment = {"since": "2026-11-27T00:00:00Z", "configuration": {"sha256": day}, "rules": rules,
               "revision": told, "revisions": {rules[0]["path"]: told}}  # fmt: skip
    plan = [{"sha256": EVIL, "version": EVIL, "since": EVIL, "signed": EVIL}]
    return {"sealed": EVIL, "key": EVIL, "rules_in_force": [segment], "plan": plan}


@pytest.fixture(scope="module")
def evil(tmp_path_factory):
    root = tmp_path_factory.mktemp("evil") / "evidence"
    return put(root, 3, evil_files, evil_entries, evil_facts)


def test_hostile_text_is_text(evil):
    data = report_page(load_period(evil, None, None), Checked(EVIL, False, (EVIL,)))
    page = Page(data)
    names_ = {tag for tag, _ in page.tags}
    assert not names_ & {"script", "img", "iframe", "object", "embed", "form", "base", "link"}
    assert not [a for _, attrs in page.tags for a in attrs if a.startswith("on") or a == "style"]
    hrefs = [attrs["href"] for _, attrs in page.tags if "href" in attrs]
    assert all(href.startswith("#") for href in hrefs)
    assert "alert(1)" in page.text
    assert "\u202e" not in data.decode()
    assert "\x1b" not in data.decode()


def test_the_policy_allows_the_one_style_and_nothing_else(evil):
    text = report_page(load_period(evil, None, None), CHECKED).decode()
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', text)[1]
    style = re.search(r"<style>(.*?)</style>", text, re.DOTALL)[1]
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    assert policy.startswith(f"default-src 'none'; style-src 'sha256-{digest}'")
    assert "http://" not in re.sub(r"<code>.*?</code>|<p>.*?</p>", "", text, flags=re.DOTALL)
    assert "url(" not in style.replace("url(#hatch)", "")


def test_each_state_has_a_shape_of_its_own_and_every_day_is_drawn(evil):
    states = dict(zip(names(5), ("operated", "exception", "no-data", "not-run", None), strict=True))
    files = {
        day: {"alpha.json": record("alpha", day, state)} if state else {}
        for day, state in states.items()
    }
    last = names(6)[-1]
    files[last] = {f"late/{names(5)[-1]}/alpha.json": record("alpha", names(5)[-1])}
    reads = [read_day_files(day, files[day]) for day in files]
    period = put_together(reads, names(5)[0], names(5)[-1])
    text = report_page(period, CHECKED).decode()
    table = text[text.index('class="cal"') : text.index("Days by state")]
    drawn = re.findall(r'<use href="#([a-z-]+)"', table)
    assert sorted(drawn) == sorted(STATES)
    for state in STATES:
        assert f'<symbol id="{state}"' in text
    labels = re.findall(r'aria-label="([0-9-]+) alpha: ([a-z-]+)"', table)
    assert [state for _, state in labels] == drawn
    # Without a number of colours: no two symbols have the same shapes.
    shapes = [re.sub(r'class="[^"]*"', "", s) for s in re.findall(r"<symbol.*?</symbol>", text)]
    assert len({s.partition(">")[2] for s in shapes}) == 5


def test_the_same_days_make_the_same_bytes_in_another_process(tmp_path):
    put(tmp_path / "evidence", 4)
    made = []
    for seed in ("1", "2"):
        done = subprocess.run(
            [sys.executable, "-m", "tocsin.cli", "evidence", "report", "--output", f"{seed}.html"],
            cwd=tmp_path, env={"PYTHONHASHSEED": seed, "PATH": "/usr/bin:/bin", "TZ": f"UTC{seed}"},
            capture_output=True, text=True, timeout=60,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        made.append((tmp_path / f"{seed}.html").read_bytes())
    assert made[0] == made[1]


def test_the_page_says_what_verifying_said(tmp_path):
    root = put(tmp_path / "evidence", 3)
    signers = allowed_signers(tmp_path / "signers")
    anchor = tmp_path / "anchor"

    def told(*more):
        done = subprocess.run(
            [sys.executable, "-m", "tocsin.cli", "evidence", "report", str(root), "--output",
             "r.html", *more], cwd=tmp_path, capture_output=True, text=True, timeout=60,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        return Page((tmp_path / "r.html").read_bytes()).text

    assert "were not checked: no key was given" in told()
    keyed = ("--allowed-signers", str(signers))
    assert "UNANCHORED" in told(*keyed)
    anchor.write_bytes((root / LAST / "checkpoint").read_bytes())
    assert f"Anchored up to {LAST[:4]}-{LAST[4:6]}-{LAST[6:]}." in told(
        *keyed, "--anchor", str(anchor)
    )
    (root / NEXT / "more").write_text("x")
    assert "ALTERED" in told(*keyed)
    assert f"{NEXT}/more: not in SHA256SUMS" in told(*keyed)


def test_no_exception_is_left_out_also_not_an_answered_one(tmp_path):
    def files(day):
        name, data = disposition_file(day, "alpha", "false-positive", "Ada", "a test", "", 0, [])
        return {"alpha.json": record("alpha", day, "exception"), f"dispositions/{name}": data}

    text = report_page(load_period(put(tmp_path, 5, files), None, None), CHECKED).decode()
    for day in names(5):
        assert f'id="c-{day}-alpha"' in text
    assert "Of 5 exceptions, 0 have no disposition" in text


@pytest.mark.parametrize(("until", "over"), [(DAY, True), (names(5)[-1], False), ("", False)])
def test_what_was_accepted_for_a_time_needs_a_word_again_when_it_is_over(tmp_path, until, over):
    def files(day):
        name, data = disposition_file(
            DAY, "alpha", "accepted", "Ada", "known", "", 0, [], "<Bo>", until
        )
        found = {"alpha.json": record("alpha", day, "exception")}
        return found | ({f"dispositions/{name}": data} if day == DAY else {})

    text = report_page(load_period(put(tmp_path, 5, files), None, None), CHECKED).decode()
    assert "Approved by &lt;Bo&gt;." in text
    assert "NOBODY IS NAMED" not in text
    assert (f"Accepted until {until}" in text) is bool(until)
    assert ("It has no last day." in text) is not bool(until)
    assert ("THAT TIME IS OVER" in text) is over


@pytest.mark.parametrize("outcome", ["accepted", "fault"])
def test_what_was_accepted_by_nobody_is_said_to_be(tmp_path, outcome):
    def files(day):
        name, data = disposition_file(day, "alpha", outcome, "Ada", "known", "", 0, [])
        return {"alpha.json": record("alpha", day, "exception"), f"dispositions/{name}": data}

    text = report_page(load_period(put(tmp_path, 2, files), None, None), CHECKED).decode()
    told = "NOBODY IS NAMED WHO APPROVED IT. It has no last day."
    assert (told in text) is (outcome == "accepted")


@pytest.mark.parametrize(("text", "kept"), [
    ("fired 14:02-14:12 UTC", ["14:02-14:12"]),
    ("Anchored up to 2026-10-31.", ["2026-10-31"]),
    ("from 2026-10-31 to 14:02", ["2026-10-31", "14:02"]),
    ("127.0.0.1:5000 and x-1-2 and 1:2:3:4:5:6:7:8 and <b>", []),
])  # fmt: skip
def test_no_line_ends_within_a_time(text, kept):
    made = prose(text)
    assert re.findall('<span class="time">([^<]*)</span>', made) == kept
    assert html.unescape(re.sub("<[^>]*>", "", made)) == text


@settings(max_examples=30)
@given(st.text(max_size=60), st.text(max_size=60))
def test_any_reason_and_title_is_shown_as_text(reason, title):
    files = {
        "alpha.json": record("alpha", DAY, "no-data", reasons=[reason], control={"title": title})
    }
    try:
        files["alpha.json"].decode()
    except UnicodeDecodeError:
        return
    data = report_page(put_together([read_day_files(DAY, files)], DAY, DAY), CHECKED)
    assert {tag for tag, _ in Page(data).tags} <= {
        "html", "head", "meta", "title", "style", "body", "svg", "defs", "pattern", "rect",
        "symbol", "circle", "path", "main", "h1", "h2", "h3", "p", "ul", "li", "b", "span", "table",
        "caption", "thead", "tbody", "tr", "th", "td", "a", "use", "section", "code", "pre", "br",
    }  # fmt: skip
