"""A source that lies, stalls, floods or dies: the record says so and is never `operated`."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
import threading
import time
from contextlib import contextmanager
from urllib.parse import quote

import pytest
from click.testing import CliRunner
from tests.evidence.conftest import collected
from tests.remote.serving import serve_raw

from tocsin.cli import _evidence as command
from tocsin.cli import cli
from tocsin.cli._exit import ExitCode
from tocsin.errors import ParseError

SECRET = "hunter2/Ä canary"


@contextmanager
def source(handle):
    """`serve_raw` on a loop of its own; yields the address and the requests' first lines."""
    heard, ready, loop = [], threading.Event(), asyncio.new_event_loop()
    stop, address = asyncio.Event(), []

    async def connection(reader, writer):
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        heard.append(head)
        await handle(head, writer)

    async def serve():
        async with serve_raw(connection) as url:
            address.append(url)
            ready.set()
            await stop.wait()

    thread = threading.Thread(target=loop.run_until_complete, args=(serve(),))
    thread.start()
    try:
        assert ready.wait(10)
        yield address[0], heard
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join(10)
        loop.close()


def saying(body, *, status="200 OK", length=None, headers=""):
    async def handle(_head, writer):
        size = len(body) if length is None else length
        writer.write(f"HTTP/1.1 {status}\r\nContent-Length: {size}\r\n{headers}".encode())
        writer.write(b"Connection: close\r\n\r\n" + body)
        await writer.drain()

    return handle


def collect(folder, address):
    result = collected(folder, address)
    records = [json.loads(path.read_bytes()) for path in sorted(folder.rglob("*.json"))]
    assert len(records) == 4
    assert [each["state"] for each in json.loads(result.stdout)].count("operated") == 0
    return result, records


def answers(records):
    return [one["answer"] for record in records for one in record["inputs"]]


ODD = [
    b"",
    b"\xff\xfe\x00 not text",
    b"<html>login please</html>",
    b"[]",
    b"null",
    b'{"status":"success"}',
    b'{"status":"success","data":null}',
    b'{"status":"success","data":{}}',
    b'{"status":"success","data":{"resultType":"matrix","result":[{"metric":{}}]}}',
    b'{"status":"success","data":{"resultType":"matrix","result":[{"metric":{},"values":[[1e300,"1"]]}]}}',
    b'{"status":"success","data":{"resultType":"matrix","result":[{"metric":{},"values":[[0,"x"]]}]}}',
    b'{"status":"success","data":{"resultType":"matrix","result":[{"metric":{"a":1},"values":[]}]}}',
    b'{"status":"error","errorType":"internal","error":"\x1b[2J out of memory"}'.replace(b"\x1b", b"\\u001b"),
    b'{"status":"success","data":{"groups":[{"name":"g","file":"f","interval":1e400,"rules":[]}]}}',
    b'{"status":"success","data":{"alerts":[{"labels":{},"state":"firing","activeAt":"noon"}]}}',
    b'{"status":"success","data":{"alerts":[{"labels":{},"state":"firing","activeAt":"2026-01-01"}]}}',
    b'{"status":"success","data":{"resultType":"matrix","result":[{"metric":{"a":"\\ud800"},"values":[]}]}}',
    b"[" * 100_000,
]  # fmt: skip


@pytest.mark.parametrize("body", ODD, ids=lambda body: body[:60].decode("latin-1"))
def test_an_odd_answer_is_kept_as_it_came_and_proves_nothing(body, tmp_path):
    with source(saying(body)) as (address, _):
        result, records = collect(tmp_path, address)
    assert result.return_value == ExitCode.OK
    assert "\x1b" not in result.output
    for answer in answers(records):
        data = answer["body"]["data"]
        kept = base64.b64decode(data) if answer["body"]["encoding"] == "base64" else data.encode()
        assert kept == body
        assert answer["sha256"] == hashlib.sha256(body).hexdigest()
    assert {record["state"] for record in records} <= {"not-run", "no-data", "exception"}


@pytest.mark.parametrize("status", ["500 Oops", "503 Busy", "401 Who", "204 Nothing", "302 There"])
def test_another_status_is_no_answer_and_nothing_is_followed(status, tmp_path):
    body = b"" if status.startswith("204") else b'{"status":"error","error":"no"}'
    with source(saying(body, status=status, headers="Location: /elsewhere\r\n")) as (
        address,
        heard,
    ):
        _, records = collect(tmp_path, address)
    assert not any("/elsewhere" in head for head in heard)
    assert {record["state"] for record in records} == {"not-run"}
    assert f"HTTP status {status[:3]}" in records[0]["reasons"][0]


def test_a_cut_answer_is_kept_as_far_as_it_came(tmp_path):
    with source(saying(b'{"status":"succ', length=5000)) as (address, _):
        result, records = collect(tmp_path, address)
    assert result.return_value == ExitCode.UNREACHABLE
    assert {record["state"] for record in records} == {"not-run"}
    assert {answer["body"]["data"] for answer in answers(records)} == {'{"status":"succ'}
    assert all(answer["failure"] for answer in answers(records))


def test_packed_bytes_were_not_asked_for(tmp_path):
    with source(saying(b"\x1f\x8b\x08", headers="Content-Encoding: gzip\r\n")) as (address, _):
        _, records = collect(tmp_path, address)
    assert "content encoding gzip was not asked for" in records[0]["reasons"][0]
    assert {record["state"] for record in records} == {"not-run"}


def test_a_flood_is_cut_off(tmp_path, monkeypatch):
    monkeypatch.setattr(command, "_LIMIT", 200_000)

    async def flood(_head, writer):
        writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
        for _ in range(1000):
            writer.write(b"x" * 65536)
            await writer.drain()

    with source(flood) as (address, _):
        result, records = collect(tmp_path, address)
    assert result.return_value == ExitCode.UNREACHABLE
    assert {answer["bytes"] for answer in answers(records)} == {200_000}
    assert "larger than 200,000 bytes" in records[0]["reasons"][0]


def test_a_slow_source_is_given_up_and_the_rest_is_not_asked(tmp_path, monkeypatch):
    monkeypatch.setattr(command, "_EACH", 400_000)
    monkeypatch.setattr(command, "_ALL", 700_000)

    async def drip(_head, writer):
        writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
        while True:
            writer.write(b" ")
            await writer.drain()
            await asyncio.sleep(0.02)

    begun = time.monotonic()
    with source(drip) as (address, heard):
        result, records = collect(tmp_path, address)
    assert time.monotonic() - begun < 5
    assert result.return_value == ExitCode.UNREACHABLE
    assert len(heard) <= 2
    told = " ".join(reason for record in records for reason in record["reasons"])
    assert "no complete answer within 0.4 s" in told
    assert "not asked: the answers before took" in told


def test_nobody_there_is_written_down(tmp_path):
    result, records = collect(tmp_path, "http://127.0.0.1:1")
    assert result.return_value == ExitCode.UNREACHABLE
    assert {record["state"] for record in records} == {"not-run"}
    assert "hint: " in result.stderr


def test_a_password_goes_to_the_source_and_nowhere_else(tmp_path):
    async def echo(head, writer):
        given = head.split("uthorization: Basic ")[1].split("\r\n")[0]
        body = json.dumps({"status": "error", "error": SECRET}) + given + SECRET + quote(SECRET)
        await saying(body.encode(), status="500 Oops")(head, writer)

    with source(echo) as (address, heard):
        withal = address.replace("://", f"://auditor:{quote(SECRET, safe='')}@")
        result, records = collect(tmp_path, withal)
    basic = base64.b64encode(f"auditor:{SECRET}".encode()).decode()
    assert basic in heard[0]
    written = result.output + "".join(p.read_text() for p in tmp_path.rglob("*.json"))
    for form in (SECRET, quote(SECRET), quote(SECRET, safe=""), basic, "hunter2", "auditor"):
        assert form not in written
    assert all(answer["redacted"] for answer in answers(records))
    assert records[0]["source"]["url"].startswith("http://127.0.0.1:")


@pytest.mark.parametrize("url", [
    "ftp://x", "127.0.0.1:9090", "http://", "http://a:b@[::1", "http://h/?token=canary",
    "http://u:canary@h:99999999/", "http://h/#x",
])  # fmt: skip
def test_an_address_that_is_none_is_refused_without_repeating_it(url, tmp_path):
    result = CliRunner().invoke(
        cli, ["evidence", "collect", "--prometheus", url, "--folder", str(tmp_path)]
    )
    assert isinstance(result.exception, ParseError)
    assert "canary" not in str(result.exception)
    assert not list(tmp_path.iterdir())
