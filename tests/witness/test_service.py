"""The witness over real sockets: it cosigns what goes on from what it saw, and nothing else."""

from __future__ import annotations

import base64
import hashlib
import threading
import time
from contextlib import contextmanager

import httpx2
import pytest
import uvicorn
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.engine.daemon import free_port
from tests.seal.chains import COSIGNER, KEY, ORIGIN, OTHER, WITNESS, public

from tocsin.errors import DeliveryError
from tocsin.seal import (
    Checkpoint,
    Signer,
    consistency_proof,
    cosigned_at,
    read_checkpoint,
    read_signatures,
    root_of,
    sign_checkpoint,
)
from tocsin.witness import Witness, ask_witness, make_witness

NOW = 1_800_000_000_000_000
SIGNERS = (Signer(public(), ORIGIN),)


def leaves(count, salt=b""):
    return [hashlib.sha256(salt + bytes([n])).digest() for n in range(count)]


def note(tree, key=KEY, origin=ORIGIN):
    return sign_checkpoint(Checkpoint(origin, len(tree), root_of(tree)), key)


def witness(folder, signers=SIGNERS):
    return Witness(COSIGNER.name, WITNESS, signers, folder, lambda: NOW)


@contextmanager
def serving(folder, signers=SIGNERS):
    port = free_port()
    config = uvicorn.Config(make_witness(witness(folder, signers)), port=port, log_level="warning")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run)
    thread.start()
    deadline = time.monotonic() + 10
    while not server.started and time.monotonic() < deadline:
        time.sleep(0.01)
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        server.should_exit = True
        thread.join(10)


def body(old, proof, text):
    lines = [f"old {old}", *(base64.b64encode(each).decode() for each in proof), "", ""]
    return "\n".join(lines).encode() + text


def status(service, old, proof, text):
    return service.answer(body(old, proof, text)).status_code


def test_a_growing_log_is_cosigned_day_by_day(tmp_path):
    with serving(tmp_path) as url:
        for size in (1, 2, 3, 7, 8, 20, 20):
            tree = leaves(size)
            lines = ask_witness(url, tree, note(tree))
            checkpoint = read_checkpoint(note(tree))
            assert cosigned_at(checkpoint, lines, COSIGNER) == NOW // 1_000_000
            kept = httpx2.get(f"{url}/checkpoint/{ORIGIN}").content
            assert kept == note(tree) + lines
            assert read_checkpoint(kept) == checkpoint


def test_a_rewritten_log_is_refused_and_the_old_one_goes_on(tmp_path):
    with serving(tmp_path) as url:
        tree = leaves(7)
        ask_witness(url, tree, note(tree))
        for size in (1, 6, 7, 8, 15):
            forged = leaves(size, b"forged")
            with pytest.raises(DeliveryError):
                ask_witness(url, forged, note(forged))
        cut = leaves(6)
        with pytest.raises(DeliveryError, match="another history"):
            ask_witness(url, cut, note(cut))
        ask_witness(url, leaves(9), note(leaves(9)))


def test_the_memory_outlives_the_service(tmp_path):
    with serving(tmp_path) as url:
        ask_witness(url, leaves(5), note(leaves(5)))
    with serving(tmp_path) as url, pytest.raises(DeliveryError):
        ask_witness(url, leaves(5, b"forged"), note(leaves(5, b"forged")))


def test_the_status_says_what_is_wrong(tmp_path):
    service = witness(tmp_path)
    tree = leaves(8)
    assert status(service, 0, [], note(tree, OTHER)) == 403
    assert status(service, 0, [], note(tree, KEY, "evidence@elsewhere")) == 404
    assert status(service, 0, [leaves(1)[0]], note(tree)) == 422
    assert status(service, 9, [], note(tree)) == 400
    assert status(service, 3, consistency_proof(tree, 3), note(tree)) == 409
    assert status(service, 0, [], note(tree)) == 200
    answer = service.answer(body(0, [], note(tree)))
    assert (answer.status_code, answer.body, answer.media_type) == (409, b"8\n", "text/x.tlog.size")
    other = leaves(8, b"x")
    assert status(service, 8, [], note(other)) == 409
    more = leaves(9)
    assert status(service, 8, [], note(more)) == 422
    assert status(service, 8, consistency_proof(more, 8), note(more)) == 200


@pytest.mark.parametrize(
    "text",
    [b"", b"old 0", b"old 0\n", b"old -1\n\n", b"old 00\n\n", b"new 0\n\n", b"old 0\nx\n\n",
     b"old 0\n\n", b"old 0\n\nx", b"old 0\n" + b"AA==\n" * 3 + b"\n", b"\xff\xfe\n\n", b"old 99999999999\n\n"],
)  # fmt: skip
def test_what_is_no_request_is_told(tmp_path, text):
    assert witness(tmp_path).answer(text).status_code == 400
    assert witness(tmp_path).answer(text + b"\n\n\n").status_code == 400


@settings(max_examples=200)
@given(st.binary(max_size=300))
def test_noise_never_breaks_it(tmp_path_factory, noise):
    service = witness(tmp_path_factory.mktemp("w"))
    assert 400 <= service.answer(noise).status_code < 500
    assert 400 <= service.answer(b"old 0\n\n" + noise).status_code < 500


def test_a_body_without_end_is_cut_off(tmp_path):
    with serving(tmp_path) as url:
        answer = httpx2.post(f"{url}/add-checkpoint", content=b"x" * (1 << 20))
        assert answer.status_code == 413
        assert httpx2.get(f"{url}/checkpoint/nobody").status_code == 404
        assert httpx2.get(f"{url}/checkpoint/..%2f..%2fetc%2fpasswd").status_code == 404


def test_nobody_there(tmp_path):
    with pytest.raises(DeliveryError, match="does not answer"):
        ask_witness(f"http://127.0.0.1:{free_port()}", leaves(1), note(leaves(1)))
    with pytest.raises(DeliveryError, match="does not answer"):
        ask_witness("not an address", leaves(1), note(leaves(1)))


def test_the_lines_are_those_of_the_specification(tmp_path):
    lines = witness(tmp_path).answer(body(0, [], note(leaves(1)))).body
    ((name, payload),) = read_signatures(bytes(lines))
    assert name == COSIGNER.name
    assert payload[:4] == hashlib.sha256(b"witness.example\n\x04" + COSIGNER.public).digest()[:4]
    assert int.from_bytes(payload[4:12], "big") == NOW // 1_000_000
    assert len(payload) == 76
