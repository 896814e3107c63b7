"""What is taken out of the evidence, and that nothing else is."""

from __future__ import annotations

import hashlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tocsin.evidence import Commitments, Redactor, commitment

SECRET = b"s" * 32
WORD = st.text(st.characters(codec="utf-8"), max_size=30)
VALUE = st.recursive(
    st.none() | st.booleans() | st.integers() | WORD,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORD, inner, max_size=3),
    max_leaves=10,
)


@given(
    st.text(st.characters(codec="utf-8", exclude_categories=["Cs"]), min_size=6, max_size=30),
    WORD,
    WORD,
)
def test_a_known_secret_is_gone_in_every_form(secret, before, after):
    for text in (
        before + secret + after,
        json.dumps(secret),
        json.dumps([before, {after: secret}]),
    ):
        assert secret.encode() not in Redactor([secret]).clean(text.encode())
        assert json.dumps(secret)[1:-1].encode() not in Redactor([secret]).clean(text.encode())


@given(VALUE)
def test_json_stays_json(value):
    redactor = Redactor(["secret-of-mine"], Commitments(["user", "a"], SECRET))
    for text in (json.dumps(value), json.dumps(value, ensure_ascii=False)):
        json.loads(redactor.clean(text.encode()))


@given(VALUE)
def test_cleaning_twice_is_cleaning_once(value):
    redactor = Redactor(["secret-of-mine"], Commitments(["user", "a"], SECRET))
    once = redactor.clean(json.dumps(value).encode())
    assert redactor.clean(once) == once


@pytest.mark.parametrize(
    "text",
    [
        '{"password":"hunter22"}', '{"db_password": "a\\"b"}', '{"api_key":"x"}', "?token=abcd1234&x=1",
        "http://me:pw1234@host/", "Authorization: Bearer abcdefgh1234", "Basic dXNlcjpwYXNzd29yZA==",
        "api_token: abcdefgh", "AKIAABCDEFGHIJKLMNOP", "xoxb-1234567890-abc", "ghp_abcdefghijklmnopqrstuvwxyz",
        "https://hooks.slack.com/services/T0/B0/abcdef", "eyJhbGciOiJIUzI1.eyJzdWIiOiIxMjM0.abcdefgh1234",
        "-----BEGIN OPENSSH PRIVATE KEY-----\nabcd\n-----END OPENSSH PRIVATE KEY-----",
    ],
)  # fmt: skip
def test_what_looks_like_a_secret_goes(text):
    redactor = Redactor()
    cleaned = redactor.clean(text.encode())
    assert b"[redacted]" in cleaned
    assert sum(redactor.counts.values()) >= 1


@pytest.mark.parametrize(
    "text",
    [
        '{"metric":{"job":"token-service"},"value":[1,"2"]}', "rate(token_refresh_total[5m]) > 3",
        '{token="a"}', "http://127.0.0.1:9090/api/v1/query?query=up", "2026-11-22T10:00:00Z", "a@b.example",
        '{"expr":"sum by (secret) (x)"}', "token expired", "basic auth failed",
    ],
)  # fmt: skip
def test_what_is_none_stays_as_it_is(text):
    assert Redactor(["", "abc"]).clean(text.encode()) == text.encode()


@given(WORD.filter(bool), WORD.filter(bool))
def test_a_commitment_stands_for_one_value_and_opens(one, other):
    made = Commitments(["user"], SECRET)
    redactor = Redactor((), made)
    text = json.dumps([{"user": one}, {"user": one}, {"user": other}, {"job": one}])
    first, again, second, plain = json.loads(redactor.clean(text.encode()))
    assert first == again
    assert (first == second) == (one == other)
    assert plain == {"job": one}
    opening = made.openings[first["user"]]
    assert (opening.label, opening.value) == ("user", one)
    assert commitment("user", one, opening.salt) == first["user"]
    expected = hashlib.sha256(f"{opening.salt}:user={one}".encode()).hexdigest()
    assert first["user"] == f"commit:{expected}"
    assert Redactor((), Commitments(["user"], b"t" * 32)).clean(text.encode()) != redactor.clean(
        text.encode()
    )


def test_a_long_text_takes_no_longer_than_its_length():
    for text in (b'"password":"' * 20_000, b"://a:" * 50_000, b"-----BEGIN PRIVATE KEY-----" * 20_000,
                 b"token=" * 50_000, b"eyJ" * 80_000, b"\\" * 300_000):  # fmt: skip
        Redactor(["some secret"], Commitments(["user"], SECRET)).clean(text)
