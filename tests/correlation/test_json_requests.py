"""Requests and security events in JSON lines, by the names that rules have for their parts."""

import json
import logging

import pytest

from tocsin.correlation import Event, EventReader
from tocsin.logformat import make_format
from tocsin_sdk.events import LEVELS, SecurityEvent
from tocsin_sdk.logs import JsonLines

TIME = {"time": "2026-11-21T10:00:01+00:00"}


def fields(given):
    text = given if isinstance(given, str) else json.dumps(TIME | given)
    event = EventReader(make_format("json")).read(text.encode())
    assert isinstance(event, Event)
    return event.fields


def sdk(event, **more):
    made = SecurityEvent(time=1.5, event=event, level=LEVELS[event], **more)
    return JsonLines().format(logging.makeLogRecord({"security_event": made}))


NGINX = {"remote_addr": "192.0.2.1", "status": 404, "body_bytes_sent": 5}
FORMS = {
    "whole": {**NGINX, "request": "GET /a%20b?c=d HTTP/1.1"},
    "parts": {**NGINX, "request_method": "GET", "request_uri": "/a%20b?c=d"},
    "caddy-like": {"client_ip": "192.0.2.1", "status": 404, "method": "GET", "uri": "/a%20b?c=d"},
}


@pytest.mark.parametrize("form", FORMS)
def test_a_request_has_its_parts(form):
    found = fields(FORMS[form])
    wanted = {"client": "192.0.2.1", "method": "GET", "uri": "/a%20b?c=d", "path": "/a%20b", "query": "c=d",
              "event.dataset": "http"}  # fmt: skip
    assert {name: found.get(name) for name in wanted} == wanted


def test_what_the_line_says_stays():
    found = fields(
        {
            **NGINX,
            "request_method": "GET",
            "uri": "/x",
            "path": "/y",
            "user": "a",
            "remote_user": "b",
        }
    )
    assert (found["uri"], found["path"], found["user"]) == ("/x", "/y", "a")
    elastic = fields(
        {"http": {"request": {"method": "GET"}}, "url": {"original": "https://h/p", "path": "/p"}}
    )
    assert "path" not in elastic
    assert elastic["url.path"] == "/p"


@pytest.mark.parametrize("user", ["", "-", None])
def test_no_user_is_none(user):
    assert "user" not in fields({**NGINX, "request_method": "GET", "remote_user": user})


def test_no_request():
    assert "event.dataset" not in fields({"request": "7", "message": "GET / HTTP/1.1"})
    assert "path" not in fields({**NGINX, "request": "\\x16\\x03\\x01"})


def test_security_events_say_how_a_login_ended():
    for name in LEVELS:
        found = fields(sdk(name, user="x", client="192.0.2.1", method="POST", status=401))
        assert found["event.dataset"] == "security"
        outcome = {"authn_login_fail": "failure", "authn_login_success": "success",
                   "authn_login_successafterfail": "success"}.get(name)  # fmt: skip
        assert found.get("event.outcome") == outcome
        assert found.get("event.category") == (outcome and "authentication")
        assert found["client"] == "192.0.2.1"


def test_an_application_cannot_forge_the_outcome():
    found = fields(sdk("authn_login_fail", fields={"event.outcome": "success"}))
    assert found["event.outcome"] == "failure"
    assert "event.outcome" not in fields({"event": "other_event"})
    assert (
        fields({"event": {"outcome": "success", "category": "authentication"}})["event.outcome"]
        == "success"
    )
