"""What became of an exception: who looked at it, when, and what it was."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import msgspec

from tocsin.control import utc
from tocsin.errors import ParseError
from tocsin.evidence import canonical_json

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["OUTCOMES", "Disposition", "disposition_file", "read_disposition"]

SCHEMA = "tocsin-disposition/1"
OUTCOMES = {
    "attack": "a real attack",
    "false-positive": "nothing was wrong",
    "fault": "something of ours was broken",
    "drill": "a drill or a test",
    "accepted": "known, and accepted until somebody decides again",
}
_MOST = 4000


class Disposition(msgspec.Struct, frozen=True):
    """One person's word about one control and day."""

    schema: str
    day: str
    """`YYYYMMDD`."""
    control: str
    outcome: str
    """One of OUTCOMES."""
    by: str
    text: str
    ticket: str
    written: str
    """RFC 3339."""
    approved: str = ""
    """Who agreed; empty where nobody had to."""
    until: str = ""
    """`YYYYMMDD`, the last day for which it was accepted; empty for no end."""
    file: str = ""


def disposition_file(
    day: str, control: str, outcome: str, by: str, text: str, ticket: str, now: int,
    taken: Sequence[str], approved: str = "", until: str = "",
) -> tuple[str, bytes]:  # fmt: skip
    """Its name below `dispositions/`, and its bytes. Raises ParseError.

    `until` is `YYYYMMDD` or empty. `taken` are the names that are there; none is ever written over.
    """
    if not re.fullmatch(r"[a-z0-9](?:[a-z0-9-]{0,62}[a-z0-9])?", control):
        raise ParseError(f"not a control's id: {control[:60]!r}")
    if outcome not in OUTCOMES:
        raise ParseError(f"not an outcome: {outcome[:40]!r}", hint=", ".join(OUTCOMES))
    if not by.strip() or not text.strip():
        raise ParseError("a disposition says who looked and what it was")
    if until and outcome != "accepted":
        raise ParseError(f"{outcome} has no end", hint="only what was accepted is so until a day")
    if until and until < day:
        raise ParseError(f"accepted until {until}, before the day that it is about")
    if len(by) + len(text) + len(ticket) + len(approved) > _MOST:
        raise ParseError(f"a disposition has at most {_MOST} characters")
    number = 1
    while (name := f"{day}.{control}.{number}.json") in taken:
        number += 1
    body = {
        "schema": SCHEMA, "day": day, "control": control, "outcome": outcome, "by": by,
        "text": text, "ticket": ticket, "written": utc(now),
        "approved": approved, "until": until,
    }  # fmt: skip
    return name, canonical_json(body)


def read_disposition(file: str, data: bytes) -> Disposition | None:
    """None where it is none."""
    try:
        found = msgspec.json.decode(data, type=Disposition)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None
    if found.schema != SCHEMA or found.outcome not in OUTCOMES:
        return None
    return msgspec.structs.replace(found, file=file)
