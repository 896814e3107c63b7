"""Asking a witness to cosign. Source: C2SP tlog-witness, add-checkpoint."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING

import httpx2

from tocsin.errors import DeliveryError
from tocsin.printable import printable
from tocsin.seal import consistency_proof

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["ask_witness"]

_PATIENCE = 30.0


def ask_witness(url: str, leaves: Sequence[bytes], note: bytes) -> bytes:
    """The witness's signature lines for the checkpoint `note` over `leaves`.

    Raises DeliveryError where it does not answer, or does not accept the history.
    """
    answer = _post(url, leaves, 0, note)
    if answer.status_code == 409:
        try:
            old = int(answer.text)
            answer = _post(url, leaves, old, note)
        except ValueError:
            raise DeliveryError(
                f"the witness {url} has seen another history: {printable(answer.text.strip(), 80)}",
                hint="compare its checkpoint with `tocsin evidence verify --anchor`",
            ) from None
    if answer.status_code != 200:
        what = printable(answer.text.strip(), 120)
        raise DeliveryError(f"the witness {url} refused with status {answer.status_code}: {what}")
    return answer.content


def _post(url: str, leaves: Sequence[bytes], old: int, note: bytes) -> httpx2.Response:
    proof = [base64.b64encode(each).decode() for each in consistency_proof(leaves, old)]
    body = "\n".join((f"old {old}", *proof, "", "")).encode() + note
    try:
        return httpx2.post(f"{url.rstrip('/')}/add-checkpoint", content=body, timeout=_PATIENCE)
    except (httpx2.HTTPError, httpx2.InvalidURL) as error:
        raise DeliveryError(f"the witness {url} does not answer: {error}") from None
