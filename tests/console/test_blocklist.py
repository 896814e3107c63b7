"""The block list over HTTP."""

from __future__ import annotations

from ipaddress import ip_network

import pytest
from starlette.testclient import TestClient
from tests.console.sample_view import SampleView

from tocsin.console import create_app
from tocsin.errors import StoreError

PATH = "/api/v1/blocklist"


@pytest.fixture
def view():
    return SampleView()


@pytest.fixture
def client(view):
    with TestClient(create_app(view), base_url="http://127.0.0.1:9099") as made:
        yield made


def test_both_families_as_text(client):
    answer = client.get(PATH)
    assert answer.text == "203.0.113.9/32\n2001:db8:2::/64\n"
    assert answer.headers["content-type"] == "text/plain; charset=utf-8"
    assert answer.headers["cache-control"] == "no-cache"
    assert client.head(PATH).headers["etag"] == answer.headers["etag"]


def test_who_has_it_gets_nothing_until_it_changes(view, client):
    tag = client.get(PATH).headers["etag"]
    for held in (tag, f"W/{tag}", f'"x", {tag}', f'"a,b",{tag}', "*"):
        answer = client.get(PATH, headers={"If-None-Match": held})
        assert (answer.status_code, answer.content, answer.headers["etag"]) == (304, b"", tag)
    for held in ('"x"', tag.strip('"'), "", tag[:-1]):
        assert client.get(PATH, headers={"If-None-Match": held}).status_code == 200
    view.networks = [ip_network("203.0.113.9/32")]
    answer = client.get(PATH, headers={"If-None-Match": tag})
    assert (answer.status_code, answer.text) == (200, "203.0.113.9/32\n")
    assert answer.headers["etag"] != tag


def test_nobody_blocked_is_an_empty_list_and_a_record_that_cannot_be_read_is_none(view, client):
    view.networks = []
    assert (client.get(PATH).status_code, client.get(PATH).text) == (200, "")

    def damaged():
        raise StoreError("blocks.jsonl:1: damaged")

    view.blocked = damaged
    assert client.get(PATH).status_code == 503


def test_it_answers_to_its_own_names_only(client):
    assert client.get(PATH, headers={"Host": "evil.example"}).status_code == 421
