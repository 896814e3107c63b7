"""Apprise: a real service of its kind on loopback, one that hangs, and addresses it does not know."""

from __future__ import annotations

import asyncio
import json
import re
import subprocess
import sys
import time
from dataclasses import replace

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from tests.notify.telling import a_notification, an_alert
from tests.remote.serving import serve_raw

from tocsin.alerting import Retry, Sent
from tocsin.durations import SECOND
from tocsin.engine import load_config
from tocsin.errors import ConfigError
from tocsin.notify import AppriseNotifier, AppriseReceiver
from tocsin.notify._apprise import plain_text

pytest.importorskip("apprise")
pytestmark = pytest.mark.filterwarnings("ignore:'imghdr':DeprecationWarning")


def service(seen, *, status="200 OK", hold=False):
    async def handle(reader, writer):
        head = await reader.readuntil(b"\r\n\r\n")
        length = int(re.search(rb"(?i)content-length: (\d+)", head)[1])
        seen.append(json.loads(await reader.readexactly(length)))
        if hold:
            await reader.read()
        writer.write(f"HTTP/1.1 {status}\r\nContent-Length: 0\r\n\r\n".encode())

    return serve_raw(handle)


def tell(notification, *, times=1, timeout=10 * SECOND, **options):
    async def run():
        seen = []
        async with service(seen, **options) as url:
            address = url.replace("http://", "json://")
            notifier = AppriseNotifier(AppriseReceiver("t", address, timeout))
            said = await asyncio.gather(*(notifier.send(notification) for _ in range(times)))
        return said, seen

    return asyncio.run(run())


def test_a_service_gets_title_text_and_kind():
    said, seen = tell(a_notification("key-1", an_alert(user="bob"), an_alert(user="eve")))
    assert said == [Sent()]
    (message,) = seen
    assert message["title"].replace("\u200b", "") == "[FIRING:2] HighFailures"
    assert message["type"] == "failure"
    lines = message["message"].splitlines()
    assert "summary: High failed login attempts" in lines
    assert lines[-1] == "key: key-1"
    (ended,) = tell(a_notification("k", an_alert(resolved=True)))[1]
    assert ended["type"] == "success"


def test_what_it_does_not_take_is_tried_again():
    said, seen = tell(a_notification(), status="500 No")
    assert said == [Retry("Apprise could not hand it over")]
    assert len(seen) == 1


def test_a_service_that_hangs_takes_as_long_as_allowed_and_no_more_threads():
    began = time.monotonic()
    said, seen = tell(a_notification(), times=6, timeout=SECOND // 2, hold=True)
    assert time.monotonic() - began < 8
    assert sorted(each.why for each in said) == 2 * ["earlier attempts still hang"] + 4 * [
        "no answer within 0.5 s"
    ]
    assert len(seen) <= 4


@given(st.text())
def test_whatever_the_text_it_is_one_line_without_marks(text):
    notification = a_notification("k", an_alert(user=text), an_alert(user="x"))
    usual = plain_text(a_notification("k", an_alert(user="y"), an_alert(user="x")))
    shown = plain_text(notification)
    assert len(shown.splitlines()) == len(usual.splitlines())
    assert not re.search(r"[*_~`@#<>\[\]()&|\\](?!\u200b)", shown)
    assert shown.replace("\u200b", "").replace("\n", "").isprintable()


def load(folder, **config):
    (folder / "tocsin.yaml").write_text(yaml.safe_dump(config, sort_keys=False))
    return load_config(folder / "tocsin.yaml")


def receiver(**body):
    return {"name": "a", "apprise": body}


def test_the_address_is_a_secret(tmp_path, monkeypatch):
    (tmp_path / "address").write_text("json://user:s3cret@127.0.0.1:1/\n")
    monkeypatch.setenv("ADDRESS", "json://user:s3cret@127.0.0.1:1/")
    wanted = AppriseReceiver("a", "json://user:s3cret@127.0.0.1:1/", 30 * SECOND)
    assert load(tmp_path, receivers=[receiver(url_file="address")]).receivers == (wanted,)
    found = load(tmp_path, receivers=[receiver(url="env:ADDRESS", timeout="5s")]).receivers
    assert found == (replace(wanted, timeout=5 * SECOND),)
    assert "s3cret" not in repr(found)


def test_every_mistake_of_an_address(tmp_path, monkeypatch):
    monkeypatch.delenv("NONE", raising=False)
    (tmp_path / "unknown").write_text("nothing-s3cret://x\n")
    with pytest.raises(ConfigError) as caught:
        load(tmp_path, receivers=[
            {**receiver(url="json://x:s3cret@y"), "name": "b"}, {**receiver(), "name": "c"},
            {**receiver(url="env:NONE"), "name": "d"}, {**receiver(url_file="unknown"), "name": "e"},
            {"name": "f", "sns": {"topic_arn": "alarms"}}, {"name": "g", "sns": {}},
        ])  # fmt: skip
    told = str(caught.value)
    for each in (
        "url is a secret and may not stand here", "apprise must have either url_file or url: env:NAME",
        "environment variable 'NONE' is not set", "url_file holds no address that Apprise knows",
        "not the ARN of a topic: 'alarms'", "topic_arn",
    ):  # fmt: skip
        assert each in told, told
    assert "s3cret" not in told


@pytest.mark.parametrize(
    ("module", "extra", "body"),
    [
        ("apprise", "apprise", {"apprise": {"url_file": "address"}}),
        ("boto3", "aws", {"sns": {"topic_arn": "arn:aws:sns:us-east-1:123456789012:x"}}),
    ],
)
def test_without_the_extra_the_error_is_the_install_line(tmp_path, module, extra, body):
    (tmp_path / "address").write_text("json://127.0.0.1:1/\n")
    (tmp_path / "tocsin.yaml").write_text(yaml.safe_dump({"receivers": [{"name": "a", **body}]}))
    code = f"import sys; sys.modules[{module!r}] = None\nfrom tocsin.cli import main; main()"
    done = subprocess.run(
        [sys.executable, "-c", code, "check", "tocsin.yaml"], cwd=tmp_path, capture_output=True, text=True
    )  # fmt: skip
    assert done.returncode == 2
    assert f"hint: pip install 'tocsin[{extra}]'" in done.stdout
