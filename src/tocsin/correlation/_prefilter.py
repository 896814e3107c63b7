"""Which lines of a block may match a rule at all: one search over the block, no line is parsed.

Of each rule a condition is taken that every line which matches it meets, as a regex on the raw
line; one regex looks for them all. It may let through lines that match nothing, and never keeps
back one that does. Where a rule has no such condition every line is let through.

It knows access logs and syslog, whose fields stand in the line as they are. In JSON a text may
be spelled in many ways.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import re2

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tocsin.correlation._model import Atom, Expression, RuleSet

__all__ = ["Prefilter", "make_prefilter"]

_MEMORY = 16 << 20
"""Bytes for the regex."""
_ACCESS = frozenset({
    "client", "ident", "user", "timestamp", "request", "status", "size", "referer", "agent",
    "method", "uri", "path", "query", "protocol",
})  # fmt: skip
"""Fields of a line of an access log, each a part of it as it stands there."""
_MADE = frozenset({"event.category", "event.outcome", "offence"})
"""Fields that the reader adds to messages of servers; the last to requests, too."""
_SHORT = len("(?i:post)")
"""Of a regex: words such as the method are in most lines."""
_MOST = 300
"""Statuses; of more, most lines have one."""
_SERVERS = "sshd|nginx|apache|httpd"
"""Programs of whose messages the reader makes such fields in syslog, and remembers sessions."""
_USER = r"^\S+ \S+ (?:[^\n-]|-[^\n ]|- [^\n\[]|- \[[^\n]*\[)"
"""A line of an access log with a user, who is not just `-`."""


class _Need(NamedTuple):
    """Regexes of which one is found in every line that matches."""

    patterns: frozenset[str]
    cost: int
    """How many lines may have them, as a rank."""


_Known = bool | _Need
"""True: any line may match, as far as is known; False: none does."""


class Prefilter:
    """Finds the lines of a block that may match."""

    def __init__(self, patterns: Sequence[str]) -> None:
        """Raises re2.error."""
        options = re2.Options()
        options.log_errors = False
        options.max_mem = _MEMORY
        options.encoding = re2.Options.Encoding.LATIN1
        # Regexes of rules are of characters, not bytes, so a line with others is let through.
        found = "|".join(f"(?:{each})" for each in (*patterns, r"[\x80-\xff]"))
        self._search = re2.compile(f"(?m){found}".encode("ascii"), options).search

    def lines(self, block: bytes) -> Iterator[tuple[int, bytes]]:
        """The lines that may match, without line ends, each with where it begins in the block."""
        at = 0
        while (match := self._search(block, at)) is not None:
            start = block.rfind(b"\n", at, match.start()) + 1 or at
            end = block.find(b"\n", max(match.end() - 1, match.start()))
            end = len(block) if end < 0 else end
            for line in block[start:end].split(b"\n"):
                yield start, line
                start += len(line) + 1
            at = end + 1
            if at >= len(block):
                return


def make_prefilter(rules: RuleSet, form: str) -> Prefilter | None:
    """For lines of a format; None if any line of it may match."""
    if form in ("combined", "common"):
        reading: _Access | _Syslog = _Access()
    elif form in ("syslog", "syslog-5424"):
        reading = _Syslog()
    else:
        return None
    patterns = set(reading.always)
    for each in rules.detections:
        known = _known(each.expression, each.atoms, reading)
        if known is True:
            return None
        if known is not False:
            patterns |= known.patterns
    try:
        return Prefilter(sorted(patterns))
    except re2.error:
        return None


def _known(expression: Expression, atoms: Sequence[Atom], reading: _Access | _Syslog) -> _Known:
    if expression[0] == "atom":
        return reading.atom(atoms[expression[1]])
    found = [_known(each, atoms, reading) for each in expression[1:]]
    match expression[0]:
        case "and":
            if False in found:
                return False
            needs = [each for each in found if isinstance(each, _Need)]
            return min(needs, key=lambda each: (each.cost, len(each.patterns)), default=True)
        case "or":
            if True in found:
                return True
            needs = [each for each in found if isinstance(each, _Need)]
            if not needs:
                return False
            patterns = frozenset[str]().union(*(each.patterns for each in needs))
            return _Need(patterns, max(each.cost for each in needs))
    # The opposite of a condition that is necessary says nothing.
    return True


class _Access:
    """Access logs, combined and common."""

    always: frozenset[str] = frozenset()

    def atom(self, atom: Atom) -> _Known:
        if not atom.names:
            return _text(atom)
        there = [name for name in atom.names if name in _ACCESS]
        if atom.names[0] == "event.dataset":
            return atom.judge("access")
        if "offence" in atom.names or atom.judge(None):
            return True
        if not there:
            return False
        if there == ["status"]:
            return _statuses(atom)
        if there == ["user"] and not atom.needs:
            return _Need(frozenset({_USER}), 2)
        return _text(atom)


def _text(atom: Atom) -> _Known:
    if not atom.needs:
        return True
    return _Need(frozenset({atom.needs}), 3 if len(atom.needs) <= _SHORT else 1)


def _statuses(atom: Atom) -> _Known:
    held = [f"{n:03}" for n in range(1000) if atom.judge(f"{n:03}")]
    usual = any(each[0] in "123" for each in held)
    if not held or (usual and len(held) > _MOST):
        return bool(held)
    return _Need(frozenset({rf'" (?:{"|".join(held)}) '}), 3 if usual else 1)


class _Syslog:
    """Syslog of either kind; which fields its messages have is not known."""

    always: frozenset[str] = frozenset({_SERVERS})

    def atom(self, atom: Atom) -> _Known:
        if not atom.names:
            return _text(atom)
        if atom.names[0] == "event.dataset":
            return atom.judge("syslog")
        if atom.judge(None):
            return True
        if _MADE.intersection(atom.names):
            return _Need(frozenset({_SERVERS}), 1)
        return _text(atom)
