"""Whose signatures count: one public key, or OpenSSH's allowed_signers.

Source: ssh-keygen(1), section ALLOWED SIGNERS. Times without a zone are UTC here.
"""

from __future__ import annotations

import fnmatch
import re
from dataclasses import dataclass
from datetime import UTC, datetime

from tocsin.errors import FileErrors, ParseError, Problem, Span
from tocsin.seal._sshsig import NAMESPACE, read_public_key

__all__ = ["Signer", "read_allowed_signers", "read_key_file", "why_not_trusted"]

_OPTION = re.compile(
    r'(?:cert-authority|(?P<name>namespaces|valid-after|valid-before)="(?P<value>[^"]*)")(?:,|$)',
    re.IGNORECASE,
)
_FORMS = {8: "%Y%m%d", 12: "%Y%m%d%H%M", 14: "%Y%m%d%H%M%S"}
_FOREVER = 2**62


@dataclass(frozen=True, slots=True)
class Signer:
    """A key, whom it may speak for, and when."""

    public: bytes
    principals: str = "*"
    namespaces: str = "*"
    valid_after: int = -_FOREVER
    """Microseconds since 1970 UTC, as the next."""
    valid_before: int = _FOREVER


def why_not_trusted(signers: tuple[Signer, ...], public: bytes, principal: str, at: int) -> str:
    """Empty if one of `signers` may sign evidence of `principal` at `at` with this key."""
    mine = [signer for signer in signers if signer.public == public]
    if not mine:
        return "signed with a key that is not among those given"
    why = ""
    for signer in mine:
        if not _matches(signer.principals, principal):
            why = f"the key may not sign for {principal}"
        elif not _matches(signer.namespaces, NAMESPACE):
            why = f"the key may not sign for the namespace {NAMESPACE}"
        elif not signer.valid_after <= at <= signer.valid_before:
            why = "the day is not in the time for which the key is valid"
        else:
            return ""
    return why


def _matches(patterns: str, name: str) -> bool:
    """A list as OpenSSH has it: `*` and `?`, and `!` before what is shut out."""
    found = False
    for each in patterns.split(","):
        pattern = each.removeprefix("!").replace("[", "[[]")
        if fnmatch.fnmatchcase(name, pattern):
            if each.startswith("!"):
                return False
            found = True
    return found


def read_key_file(data: bytes, path: str) -> tuple[Signer, ...]:
    """A file as `ssh-keygen` writes it: `ssh-ed25519 AAAA... comment`. Raises FileErrors."""
    try:
        words = data.decode().split()
    except UnicodeDecodeError:
        words = []
    if len(words) < 2 or data.strip().count(b"\n"):
        hint = "give the .pub file, or --allowed-signers"
        raise FileErrors([Problem(Span(path), "not one public key", hint)])
    try:
        return (Signer(read_public_key(words[0], words[1])),)
    except ParseError as error:
        raise FileErrors([Problem(Span(path, 1), error.what, error.hint)]) from None


def read_allowed_signers(data: bytes, path: str) -> tuple[Signer, ...]:
    """Every line of the file. Raises FileErrors with all mistakes."""
    problems, found = [], []
    try:
        lines = data.decode().splitlines()
    except UnicodeDecodeError:
        raise FileErrors([Problem(Span(path), "not text")]) from None
    for number, line in enumerate(lines, 1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        try:
            found.append(_signer(line))
        except ParseError as error:
            problems.append(Problem(Span(path, number), error.what, error.hint))
    if not found and not problems:
        problems.append(Problem(Span(path), "no key in it"))
    if problems:
        raise FileErrors(problems)
    return tuple(found)


def _signer(line: str) -> Signer:
    principals, _, rest = line.strip().partition(" ")
    rest = rest.lstrip()
    options: dict[str, str] = {}
    if not rest.startswith(("ssh-", "ecdsa-", "sk-")):
        while rest and not rest.startswith(" "):
            match = _OPTION.match(rest) or _OPTION.match(rest.split(" ", 1)[0])
            if match is None or match["name"] is None:
                word = rest.split(" ", 1)[0]
                raise ParseError(
                    f"an option that is not known: {word[:40]!r}",
                    hint="known: namespaces, valid-after, valid-before",
                )
            options[match["name"].lower()] = match["value"]
            rest = rest[match.end() :]
        rest = rest.lstrip()
    words = rest.split()
    if len(words) < 2:
        raise ParseError("not a line of principals, options and a key")
    return Signer(
        read_public_key(words[0], words[1]),
        principals.strip('"'),
        options.get("namespaces", "*"),
        _time(options["valid-after"]) if "valid-after" in options else -_FOREVER,
        _time(options["valid-before"]) if "valid-before" in options else _FOREVER,
    )


def _time(text: str) -> int:
    digits = text.removesuffix("Z")
    try:
        moment = datetime.strptime(digits, _FORMS[len(digits)]).replace(tzinfo=UTC)
    except (KeyError, ValueError):
        raise ParseError(f"not a time: {text[:30]!r}", hint="write YYYYMMDDZ") from None
    return round(moment.timestamp()) * 1_000_000
