"""RFC 3161 time stamps over checkpoints; needs the extra `timestamp`."""

from __future__ import annotations

import importlib.util
import subprocess
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from tocsin.errors import DeliveryError, ParseError

if TYPE_CHECKING:
    from collections.abc import Callable

    from rfc3161_client import TimeStampResponse

__all__ = ["stamp", "token_checker"]

_LARGEST = 256 << 10
_PATIENCE = 30.0


def _need() -> None:
    if importlib.util.find_spec("rfc3161_client") is None:
        raise ParseError("time stamps need rfc3161-client", hint="pip install 'tocsin[timestamp]'")


def token_checker(roots: bytes) -> Callable[[bytes, bytes], int]:
    """Checks tokens against the certificates of `roots`, PEM. Raises ParseError."""
    _need()
    from cryptography import x509  # noqa: PLC0415 - late, so that other commands start fast

    try:
        certificates = x509.load_pem_x509_certificates(roots)
    except ValueError:
        raise ParseError("not a certificate in PEM") from None

    def check(token: bytes, data: bytes) -> int:
        from rfc3161_client import VerificationError, VerifierBuilder  # noqa: PLC0415 - an extra

        response = _decode(token)
        builder = VerifierBuilder()
        for certificate in certificates:
            builder = builder.add_root_certificate(certificate)
        try:
            builder.build().verify_message(response, data)
        except (VerificationError, ValueError) as error:
            if not _openssl_takes(token, data, roots):
                raise ParseError(f"not a time stamp of the checkpoint: {error}") from None
        return round(response.tst_info.gen_time.timestamp() * 1_000_000)

    return check


def _decode(token: bytes) -> TimeStampResponse:
    from rfc3161_client import decode_timestamp_response  # noqa: PLC0415 - an extra

    try:
        return decode_timestamp_response(token)
    except ValueError as error:
        raise ParseError(f"not a time-stamp token: {error}") from None


def _openssl_takes(token: bytes, data: bytes, roots: bytes) -> bool:
    """NOTE: some authorities order certificates in a way that only OpenSSL takes."""
    with tempfile.TemporaryDirectory() as folder:
        here = Path(folder)
        for name, content in (("token", token), ("data", data), ("roots", roots)):
            (here / name).write_bytes(content)
        command = ["openssl", "ts", "-verify", "-data", "data", "-in", "token", "-CAfile", "roots"]
        try:
            done = subprocess.run(command, cwd=here, capture_output=True, timeout=_PATIENCE)  # noqa: S603, PLW1510
        except (OSError, subprocess.TimeoutExpired):
            return False
        return done.returncode == 0


def stamp(url: str, data: bytes) -> bytes:
    """The answer of the authority at `url` to a request to stamp `data`.

    Raises DeliveryError where it does not answer with a token of `data`.
    """
    _need()
    import httpx2  # noqa: PLC0415 - late, so that other commands start fast
    from rfc3161_client import TimestampRequestBuilder  # noqa: PLC0415 - an extra

    request = TimestampRequestBuilder().data(data).nonce(nonce=True).cert_request(cert_request=True)
    try:
        answer = httpx2.post(
            url, content=request.build().as_bytes(), timeout=_PATIENCE,
            headers={"Content-Type": "application/timestamp-query"},
        )  # fmt: skip
    except (httpx2.HTTPError, httpx2.InvalidURL) as error:
        raise DeliveryError(f"{url} can't be asked for a time stamp: {error}") from None
    if answer.status_code != 200 or len(answer.content) > _LARGEST:
        raise DeliveryError(f"{url} answered {answer.status_code} instead of a time stamp")
    try:
        response = _decode(answer.content)
    except ParseError as error:
        raise DeliveryError(f"{url}: {error.what}") from None
    if response.status != 0:
        raise DeliveryError(f"{url} refused the time stamp with status {response.status}")
    return answer.content
