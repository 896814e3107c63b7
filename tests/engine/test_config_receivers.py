"""Receivers in tocsin.yaml: each kind, and every mistake at once."""

from __future__ import annotations

import pytest
import yaml

from tocsin.engine import load_config
from tocsin.errors import ConfigError
from tocsin.notify import (
    EmailReceiver,
    FileReceiver,
    PagerDutyReceiver,
    SlackReceiver,
    WebhookReceiver,
)


def load(folder, **config):
    (folder / "tocsin.yaml").write_text(yaml.safe_dump(config, sort_keys=False))
    return load_config(folder / "tocsin.yaml")


def test_each_kind(tmp_path):
    (tmp_path / "secret").write_text("s3cret\n")
    (tmp_path / "hook").write_text("http://127.0.0.1:1/x\n")
    found = load(tmp_path, receivers=[
        {"name": "a", "webhook": {"url_file": "hook", "secret_file": "secret", "body": "sns"}},
        {"name": "b", "slack": {"url_file": "hook"}},
        {"name": "c", "pagerduty": {"routing_key_file": "secret"}},
        {"name": "d", "email": {"server": "mail.example.org:25", "from": "t@example.org", "to": ["a@example.org"],
                                "username": "u", "password_file": "secret"}},
        {"name": "e", "file": {"path": "alerts.jsonl"}},
        {"name": "f", "terminal": {}}, {"name": "g", "alertmanager": {"url": "http://127.0.0.1:9093"}},
    ]).receivers  # fmt: skip
    assert found[0] == WebhookReceiver("a", "http://127.0.0.1:1/x", body="sns", secret="s3cret")
    assert found[1] == SlackReceiver("b", "http://127.0.0.1:1/x")
    assert found[2] == PagerDutyReceiver("c", "s3cret")
    assert found[3] == EmailReceiver("d", ("mail.example.org", 25), "t@example.org", ("a@example.org",),
                                     username="u", password="s3cret")  # fmt: skip
    assert found[4] == FileReceiver("e", str(tmp_path / "alerts.jsonl"))
    assert "s3cret" not in repr(found)
    assert "/x" not in repr(found)


def test_every_mistake_at_once(tmp_path):
    (tmp_path / "empty").write_text("\n")
    (tmp_path / "alertmanager.yml").write_text(yaml.safe_dump({
        "route": {"receiver": "a", "routes": [{"receiver": "nobody", "matchers": ["x"]}]},
        "receivers": [{"name": "a", "opsgenie_configs": [{}]}],
        "templates": ["x.tmpl"],
    }))  # fmt: skip
    with pytest.raises(ConfigError) as caught:
        load(tmp_path, receivers=[
            {"name": "a"}, {"name": "b", "terminal": {}, "file": {"path": "x"}},
            {"name": "c", "email": {"server": "mail", "from": "a b@c", "to": ["x\r\n@y"], "tls": "maybe"}},
            {"name": "d", "email": {"server": "m:25", "from": "a@b", "to": ["c@d"], "tls": "none", "password_file": "empty"}},
            {"name": "e", "pagerduty": {"routing_key_file": "missing"}},
            {"name": "f", "webhook": {"url": "ftp://x", "body": "xml"}},
            {"name": "g", "slack": {}},
        ], alertmanager="alertmanager.yml")  # fmt: skip
    told = str(caught.value)
    for each in (
        "receiver 'a' must have exactly one kind", "receiver 'b' must have exactly one kind",
        "server must be host:port", "not a mail address: 'a b@c'", "tls must be starttls, tls or none",
        "a password would go over the wire in the clear", "is empty", "can't read routing_key_file",
        "url must be an http:// or https:// address", "slack must have either url or url_file",
        "opsgenie_configs is not supported", "route to receiver 'nobody', which there is not",
        "not a matcher: 'x'",
    ):  # fmt: skip
        assert each in told, told


def test_two_receivers_of_one_name_in_an_alertmanager_yml(tmp_path):
    text = {"route": {"receiver": "a"}, "receivers": [{"name": "a"}, {"name": "a"}]}
    (tmp_path / "am.yml").write_text(yaml.safe_dump(text))
    with pytest.raises(ConfigError, match="receiver 'a' is given twice"):
        load(tmp_path, alertmanager="am.yml")
