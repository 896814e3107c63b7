from __future__ import annotations

import json
import logging
import math

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tocsin_sdk import JsonLines, Level, SecurityEvent
from tocsin_sdk.logs import MAX_LINE, event_line

# Lone surrogates included: that is what a badly encoded user name becomes in Python.
anything = st.text(st.characters(), max_size=60) | st.text(
    st.characters(categories=("Cs", "Cc", "Zl", "Zp")), max_size=60
)
values = (
    anything | st.integers() | st.floats() | st.booleans() | st.none() | st.just(10**5000)
    | st.integers(600, 9000).map("\U0001f514".__mul__)
)  # fmt: skip


def one_line(line: str) -> dict[str, object]:
    assert line.isascii()
    assert len(line) <= MAX_LINE
    assert not any(ord(c) < 32 or ord(c) == 127 for c in line)
    assert len(line.splitlines()) == 1
    parsed = msgspec.json.decode(line)
    assert parsed == json.loads(line)
    assert isinstance(parsed, dict)
    return parsed


@given(user=anything, description=anything, fields=st.dictionaries(anything, values, max_size=30))
def test_any_text_becomes_exactly_one_valid_line(user, description, fields):
    event = SecurityEvent(
        0.0, "authn_login_fail", Level.WARN, user=user, description=description, fields=fields
    )
    parsed = one_line(event_line(event))
    assert parsed["event"] == "authn_login_fail"
    assert parsed["level"] == "WARN"


@given(
    user=st.text(st.characters(exclude_categories=["Cs"]), max_size=100),
    client=st.ip_addresses().map(str),
)
def test_text_within_the_caps_survives(user, client):
    event = SecurityEvent(0.0, "authz_fail", Level.CRITICAL, user=user, client=client)
    parsed = one_line(event_line(event))
    assert (parsed["user"], parsed["client"]) == (user, client)
    assert "truncated" not in parsed


@given(st.dictionaries(anything, anything, max_size=20))
def test_an_applications_field_never_overwrites_ours(fields):
    forged = {**fields, "event": "authn_login_success", "client": "203.0.113.1", "time": 0}
    parsed = one_line(event_line(SecurityEvent(5.0, "authz_fail", Level.CRITICAL, fields=forged)))
    assert parsed["event"] == "authz_fail"
    assert parsed["client"] is None
    assert parsed["time"] == "1970-01-01T00:00:05.000000Z"


def test_the_whole_line():
    event = SecurityEvent(
        1763760000.25,
        "authn_login_fail",
        Level.WARN,
        user="eve\n{}",
        client="203.0.113.5",
        method="POST",
        route="/login",
        status=401,
        request_id="abc",
        description="wrong password",
        fields={"attempt": 3},
    )
    assert event_line(event) == (
        '{"time":"2025-11-21T21:20:00.250000Z","level":"WARN","event":"authn_login_fail",'
        '"client":"203.0.113.5","user":"eve\\n{}","method":"POST","route":"/login","status":401,'
        '"request_id":"abc","description":"wrong password","attempt":3}'
    )


def test_a_cut_line_says_so():
    event = SecurityEvent(0.0, "authz_fail", Level.CRITICAL, user="u" * 10_000)
    parsed = one_line(event_line(event))
    assert parsed["truncated"] is True
    assert parsed["user"] == "u" * 512


def test_numbers_that_json_readers_disagree_about_become_text():
    fields = {"nan": math.nan, "inf": -math.inf, "big": 2**60, "fine": 2**50, "half": 0.5}
    parsed = one_line(event_line(SecurityEvent(0.0, "sys_crash", Level.WARN, fields=fields)))
    assert {name: parsed[name] for name in fields} == {
        "nan": "nan", "inf": "-inf", "big": hex(2**60), "fine": 2**50, "half": 0.5,
    }  # fmt: skip


@given(message=anything, argument=anything)
def test_other_records_become_one_line_too(message, argument):
    record = logging.LogRecord("app", logging.INFO, "f.py", 1, message, (argument,), None)
    assert one_line(JsonLines().format(record))["logger"] == "app"


def test_an_exception_stays_on_the_line():
    try:
        raise KeyError("lost\nand found")  # noqa: TRY301
    except KeyError as error:
        caught = (KeyError, error, error.__traceback__)
    record = logging.LogRecord("app", logging.ERROR, "f.py", 1, "oh", (), caught)
    assert "lost" in str(one_line(JsonLines().format(record))["exception"])


@pytest.mark.parametrize(("time", "event"), [(math.nan, "authz_fail"), (0.0, "made_up")])
def test_an_event_that_cannot_be_is_refused(time, event):
    with pytest.raises(ValueError, match=r"finite|unknown security event 'made_up'\nhint: "):
        SecurityEvent(time, event, Level.WARN)
