"""Ed25519 keys and detached signatures as OpenSSH writes them.

Source: OpenSSH, PROTOCOL.sshsig and PROTOCOL.key. Verifying is stricter than `ssh-keygen`:
one signature has one spelling, so that no byte of the file can change unseen.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from typing import TYPE_CHECKING

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_ssh_private_key,
)

from tocsin.errors import ParseError
from tocsin.printable import printable

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = [
    "NAMESPACE",
    "fingerprint",
    "private_key_text",
    "public_key_line",
    "read_private_key",
    "read_public_key",
    "sign",
    "signed_by",
]

NAMESPACE = "tocsin-evidence"
"""Of every signature of ours: a key's other signatures prove nothing here."""
_MAGIC = b"SSHSIG"
_KIND = b"ssh-ed25519"
_BEGIN, _END = "-----BEGIN SSH SIGNATURE-----", "-----END SSH SIGNATURE-----"
_COLUMNS = 70


def _strings(parts: Iterable[bytes]) -> bytes:
    return b"".join(len(part).to_bytes(4, "big") + part for part in parts)


def _key_blob(public: bytes) -> bytes:
    return _strings((_KIND, public))


def fingerprint(public: bytes) -> str:
    """As `ssh-keygen -l` prints it."""
    digest = base64.b64encode(hashlib.sha256(_key_blob(public)).digest()).decode()
    return f"SHA256:{digest.rstrip('=')}"


def public_key_line(public: bytes, comment: str = "") -> str:
    """`ssh-ed25519 AAAA... comment`, without a line feed."""
    text = f"{_KIND.decode()} {base64.b64encode(_key_blob(public)).decode()}"
    return f"{text} {comment}" if comment else text


def read_public_key(kind: str, encoded: str) -> bytes:
    """The 32 bytes of a key written as `ssh-ed25519 AAAA...`. Raises ParseError."""
    if kind != _KIND.decode():
        raise ParseError(
            f"not an Ed25519 key: {printable(kind, 40)}", hint="`tocsin evidence key` makes one"
        )
    try:
        blob = base64.b64decode(encoded, validate=True)
    except (binascii.Error, ValueError):
        raise ParseError("the key is not base64") from None
    if len(blob) != 51 or blob != _key_blob(blob[-32:]):
        raise ParseError("not a whole ssh-ed25519 key")
    return blob[-32:]


def read_private_key(data: bytes) -> Ed25519PrivateKey:
    """An OpenSSH private key file without a passphrase. Raises ParseError."""
    try:
        key = load_ssh_private_key(data, password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise ParseError(
            f"not a private key that can be used: {printable(str(error), 120)}",
            hint="`tocsin evidence key` makes one; it has no passphrase, the file's mode guards it",
        ) from None
    if not isinstance(key, Ed25519PrivateKey):
        raise ParseError("the key is not an Ed25519 key", hint="`tocsin evidence key` makes one")
    return key


def private_key_text(key: Ed25519PrivateKey) -> bytes:
    return key.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption())


def _to_sign(message: bytes) -> bytes:
    digest = hashlib.sha512(message).digest()
    return _MAGIC + _strings((NAMESPACE.encode(), b"", b"sha512", digest))


def _armour(public: bytes, signature: bytes) -> bytes:
    blob = _MAGIC + (1).to_bytes(4, "big")
    blob += _strings((
        _key_blob(public), NAMESPACE.encode(), b"", b"sha512", _strings((_KIND, signature)),
    ))  # fmt: skip
    text = base64.b64encode(blob).decode()
    lines = [text[at : at + _COLUMNS] for at in range(0, len(text), _COLUMNS)]
    return "\n".join((_BEGIN, *lines, _END, "")).encode()


def sign(message: bytes, key: Ed25519PrivateKey) -> bytes:
    """A signature file for `ssh-keygen -Y verify -n tocsin-evidence`."""
    return _armour(key.public_key().public_bytes_raw(), key.sign(_to_sign(message)))


def signed_by(armoured: bytes, message: bytes) -> bytes:
    """The 32 bytes of the key that signed `message`; whose it is remains to be asked.

    Raises ParseError where the file is not the one spelling of a good signature.
    """
    try:
        lines = armoured.decode("ascii").split("\n")
        blob = base64.b64decode("".join(lines[1:-2]), validate=True)
    except ValueError:
        raise ParseError("not a signature") from None
    # Each part has a fixed size, so the two that vary stand at fixed places.
    head = len(_MAGIC) + 4 + 4
    public, signature = blob[head + 19 : head + 51], blob[-64:]
    if _armour(public, signature) != armoured:
        raise ParseError(f"not an Ed25519 signature of the namespace {NAMESPACE}")
    try:
        Ed25519PublicKey.from_public_bytes(public).verify(signature, _to_sign(message))
    except (InvalidSignature, ValueError):
        raise ParseError("the signature is not one of this file") from None
    return public
