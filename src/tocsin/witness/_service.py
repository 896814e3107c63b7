"""A witness: cosigns a checkpoint only if it continues the one before.

Source: C2SP tlog-witness, add-checkpoint. Besides, `GET /checkpoint/NAME` gives the last
checkpoint with the cosignature: an anchor for whoever asks.
"""

from __future__ import annotations

import asyncio
import base64
import os
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import quote

from starlette.applications import Starlette
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from tocsin.errors import ParseError, StoreError
from tocsin.seal import (
    Checkpoint,
    cosign,
    is_consistent,
    is_signed,
    read_checkpoint,
    why_not_trusted,
)

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from starlette.requests import Request

    from tocsin.seal import Signer

__all__ = ["Witness", "make_witness"]

_LARGEST = 64 << 10
_MOST_HASHES = 63
_OLD = re.compile(r"old (0|[1-9][0-9]{0,8})")


@dataclass(frozen=True, slots=True)
class Witness:
    """Who cosigns, for whom, and where it remembers what it cosigned."""

    name: str
    key: Ed25519PrivateKey
    signers: tuple[Signer, ...]
    folder: Path
    """One file for each log. Its loss makes the witness forget."""
    now: Callable[[], int]
    """Microseconds since 1970 UTC."""

    def last(self, origin: str) -> bytes:
        """The last cosigned checkpoint; empty if there is none. Raises StoreError."""
        try:
            return self._path(origin).read_bytes()
        except FileNotFoundError:
            return b""
        except OSError as error:
            raise StoreError(f"can't read {self._path(origin)}: {error.strerror}") from None

    def remember(self, origin: str, note: bytes) -> None:
        """On disk before the cosignature leaves the house. Raises StoreError."""
        path = self._path(origin)
        draft = path.with_suffix(".tmp")
        try:
            with draft.open("wb") as file:
                file.write(note)
                file.flush()
                os.fsync(file.fileno())
            draft.rename(path)
            folder = os.open(self.folder, os.O_RDONLY | os.O_DIRECTORY)
            os.fsync(folder)
            os.close(folder)
        except OSError as error:
            raise StoreError(f"can't write {path}: {error.strerror}") from None

    def _path(self, origin: str) -> Path:
        return self.folder / f"{quote(origin, safe='@')}.checkpoint"

    def answer(self, body: bytes) -> Response:
        """What add-checkpoint answers to `body`. Raises StoreError."""
        try:
            old, proof, note = _read_request(body)
            checkpoint = read_checkpoint(note)
        except ParseError as error:
            return _refusal(400, error.what)
        at = self.now()
        keys = [
            signer.public
            for signer in self.signers
            if not why_not_trusted(self.signers, signer.public, checkpoint.origin, at)
        ]
        if not keys:
            return _refusal(404, "no key is known for this name")
        try:
            signed = any(is_signed(note, public) for public in keys)
        except ParseError as error:
            return _refusal(400, error.what)
        if not signed:
            return _refusal(403, "not signed with a key of this name")
        return self._judge(old, proof, note, checkpoint)

    def _judge(self, old: int, proof: list[bytes], note: bytes, checkpoint: Checkpoint) -> Response:
        kept = self.last(checkpoint.origin)
        known = read_checkpoint(kept) if kept else Checkpoint(checkpoint.origin, 0, _EMPTY)
        if old > checkpoint.size:
            return _refusal(400, "the old size is above that of the checkpoint")
        if old != known.size:
            return Response(f"{known.size}\n", 409, media_type="text/x.tlog.size")
        if old == checkpoint.size and checkpoint.root != known.root:
            return _refusal(409, "another root was cosigned for this size")
        if not is_consistent(old, known.root, checkpoint.size, checkpoint.root, proof):
            return _refusal(422, "the proof does not show that the history goes on")
        line = cosign(checkpoint, self.name, self.key, self.now() // 1_000_000)
        self.remember(checkpoint.origin, note + line)
        return PlainTextResponse(line)


_EMPTY = Checkpoint("", 0, bytes.fromhex(
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855")).root  # fmt: skip


def _refusal(status: int, why: str) -> Response:
    return PlainTextResponse(f"{why}\n", status)


def _read_request(body: bytes) -> tuple[int, list[bytes], bytes]:
    """Old size, proof and checkpoint. Raises ParseError."""
    head, blank, note = body.partition(b"\n\n")
    try:
        first, *hashes = head.decode("ascii").split("\n")
        proof = [base64.b64decode(each, validate=True) for each in hashes]
    except ValueError:
        raise ParseError("not a request: the proof is not base64") from None
    match = _OLD.fullmatch(first)
    if match is None or not blank or len(proof) > _MOST_HASHES or any(len(h) != 32 for h in proof):
        raise ParseError("not a request: `old SIZE`, hashes, an empty line, a checkpoint")
    return int(match[1]), proof, note


def make_witness(witness: Witness) -> Starlette:
    """The service as an ASGI application."""
    turn = asyncio.Lock()

    async def add(request: Request) -> Response:
        body = b""
        async for chunk in request.stream():
            body += chunk
            if len(body) > _LARGEST:
                return _refusal(413, "too large")
        async with turn:
            try:
                return witness.answer(body)
            except StoreError as error:
                return _refusal(503, error.what)

    async def last(request: Request) -> Response:
        note = witness.last(request.path_params["name"])
        return PlainTextResponse(note) if note else _refusal(404, "nothing cosigned for this name")

    return Starlette(routes=[
        Route("/add-checkpoint", add, methods=["POST"]),
        Route("/checkpoint/{name:path}", last, methods=["GET"]),
    ])  # fmt: skip
