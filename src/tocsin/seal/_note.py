"""Checkpoints: the head of the tree in three lines, signed and cosigned.

Source: C2SP, signed-note, tlog-checkpoint and tlog-cosignature (cosignature/v1).
"""

from __future__ import annotations

import base64
import codecs
import hashlib
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from tocsin.errors import FileErrors, ParseError, Problem, Span
from tocsin.printable import printable

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

__all__ = [
    "Checkpoint",
    "Cosigner",
    "check_origin",
    "cosign",
    "cosigned_at",
    "is_signed",
    "read_anchor",
    "read_checkpoint",
    "read_cosigner",
    "read_signatures",
    "sign_checkpoint",
]

_LOG, _COSIGNER = 0x01, 0x04
_ORIGIN = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._/@-]{0,126}[A-Za-z0-9])?")
_SIZE = re.compile(r"0|[1-9][0-9]{0,8}")
_LINE = re.compile(r"— ([^\s+]{1,255}) ([A-Za-z0-9+/]+={0,2})")
_MOST = 64 << 10


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """How many days there are, and the root of the tree over them."""

    origin: str
    """Names the log, and the key that signs it."""
    size: int
    """Days."""
    root: bytes
    """32 bytes, RFC 6962."""

    @property
    def text(self) -> bytes:
        """The three lines: what is signed, and what an auditor keeps."""
        root = base64.b64encode(self.root).decode()
        return f"{self.origin}\n{self.size}\n{root}\n".encode()


@dataclass(frozen=True, slots=True)
class Cosigner:
    """A witness as the verifier knows it."""

    name: str
    public: bytes

    @property
    def vkey(self) -> str:
        """`name+hash+key`, the notation of signed-note."""
        encoded = base64.b64encode(bytes([_COSIGNER]) + self.public).decode()
        return f"{self.name}+{_key_id(self.name, _COSIGNER, self.public).hex()}+{encoded}"


def check_origin(name: str) -> str:
    """The name again, if it can stand in a checkpoint and in allowed_signers.

    Raises ParseError.
    """
    if _ORIGIN.fullmatch(name) is None:
        raise ParseError(
            f"not a name for a key: {printable(name, 60)!r}",
            hint="letters, digits and . _ / @ - such as evidence@example.org",
        )
    return name


def _key_id(name: str, kind: int, public: bytes) -> bytes:
    return hashlib.sha256(f"{name}\n".encode() + bytes([kind]) + public).digest()[:4]


def _line(name: str, payload: bytes) -> bytes:
    return f"— {name} {base64.b64encode(payload).decode()}\n".encode()


def sign_checkpoint(checkpoint: Checkpoint, key: Ed25519PrivateKey) -> bytes:
    """The whole note: three lines, an empty one, the signature of the log."""
    public = key.public_key().public_bytes_raw()
    payload = _key_id(checkpoint.origin, _LOG, public) + key.sign(checkpoint.text)
    return checkpoint.text + b"\n" + _line(checkpoint.origin, payload)


def read_checkpoint(data: bytes) -> Checkpoint:
    """The three lines at the head of `data`. Raises ParseError."""
    try:
        lines = data[:_MOST].decode().split("\n", 3)
    except UnicodeDecodeError:
        raise ParseError("not a checkpoint: not text") from None
    if len(lines) < 4 or _ORIGIN.fullmatch(lines[0]) is None or _SIZE.fullmatch(lines[1]) is None:
        raise ParseError(
            "not a checkpoint", hint="it begins with three lines: name, days, root in base64"
        )
    try:
        root = base64.b64decode(lines[2], validate=True)
    except ValueError:
        root = b""
    found = Checkpoint(lines[0], int(lines[1]), root)
    if len(root) != 32 or not data.startswith(found.text):
        raise ParseError("not a checkpoint: the root is not 32 bytes in base64")
    return found


def read_anchor(data: bytes, path: str) -> Checkpoint:
    """A checkpoint as it came, by mail perhaps, from `path`.

    A byte order mark, other line ends and blanks at the end of its lines do not count. Raises
    FileErrors.
    """
    lines = data[:_MOST].removeprefix(codecs.BOM_UTF8).split(b"\n", 3)[:3]
    try:
        return read_checkpoint(b"".join(line.rstrip(b" \t\r") + b"\n" for line in lines))
    except ParseError as error:
        raise FileErrors([Problem(Span(path), error.what, error.hint)]) from None


def read_signatures(data: bytes) -> list[tuple[str, bytes]]:
    """Names and payloads of signature lines, each in its one spelling. Raises ParseError."""
    found = []
    try:
        lines = data.decode().split("\n")
    except UnicodeDecodeError:
        raise ParseError("not signature lines: not text") from None
    if len(data) > _MOST or lines[-1]:
        raise ParseError("not signature lines: too long, or cut off")
    for line in lines[:-1]:
        match = _LINE.fullmatch(line)
        try:
            payload = base64.b64decode(match[2], validate=True) if match else b""
        except ValueError:
            payload = b""
        if match is None or len(payload) < 5 or _line(match[1], payload) != f"{line}\n".encode():
            raise ParseError(f"not a signature line: {printable(line, 60)}")
        found.append((match[1], payload))
    return found


def is_signed(note: bytes, public: bytes) -> bool:
    """Whether `note` is a checkpoint with exactly the signature of `public`.

    Raises ParseError where it is no checkpoint.
    """
    checkpoint = read_checkpoint(note)
    rest = note[len(checkpoint.text) :]
    if not rest.startswith(b"\n"):
        return False
    signatures = read_signatures(rest[1:])
    key_id = _key_id(checkpoint.origin, _LOG, public)
    if len(signatures) != 1 or signatures[0][0] != checkpoint.origin:
        return False
    payload = signatures[0][1]
    return payload[:4] == key_id and _verifies(public, payload[4:], checkpoint.text)


def _verifies(public: bytes, signature: bytes, message: bytes) -> bool:
    try:
        Ed25519PublicKey.from_public_bytes(public).verify(signature, message)
    except (InvalidSignature, ValueError):
        return False
    return True


def _cosigned_text(checkpoint: Checkpoint, seconds: int) -> bytes:
    return f"cosignature/v1\ntime {seconds}\n".encode() + checkpoint.text


def cosign(checkpoint: Checkpoint, name: str, key: Ed25519PrivateKey, seconds: int) -> bytes:
    """A witness's line: it saw this checkpoint at `seconds` since 1970 UTC."""
    public = key.public_key().public_bytes_raw()
    signature = key.sign(_cosigned_text(checkpoint, seconds))
    return _line(name, _key_id(name, _COSIGNER, public) + seconds.to_bytes(8, "big") + signature)


def cosigned_at(checkpoint: Checkpoint, lines: bytes, cosigner: Cosigner) -> int | None:
    """When `cosigner` saw the checkpoint, in seconds since 1970 UTC; None if it never said.

    Raises ParseError where `lines` are not signature lines.
    """
    key_id = _key_id(cosigner.name, _COSIGNER, cosigner.public)
    for name, payload in read_signatures(lines):
        if name != cosigner.name or payload[:4] != key_id or len(payload) != 76:
            continue
        seconds = int.from_bytes(payload[4:12], "big")
        if _verifies(cosigner.public, payload[12:], _cosigned_text(checkpoint, seconds)):
            return seconds
    return None


def read_cosigner(text: str) -> Cosigner:
    """A witness's key as `tocsin witness` prints it. Raises ParseError."""
    parts = text.strip().split("+", 2)
    try:
        blob = base64.b64decode(parts[2], validate=True)
    except (IndexError, ValueError):
        blob = b""
    if len(blob) != 33 or blob[0] != _COSIGNER:
        raise ParseError("not the key of a witness", hint="it looks like name+1a2b3c4d+BAAA...")
    found = Cosigner(check_origin(parts[0]), blob[1:])
    if found.vkey != text.strip():
        raise ParseError("the key of the witness was altered: its parts don't fit together")
    return found
