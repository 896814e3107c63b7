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

_LINE = re.compile(r'(?P<principals>"[^"]*"|[^ \t"]+)[ \t]+(?P<rest>.*)')
_OPTIONS = re.compile(r'(?P<options>(?:[^ \t"]|"[^"]*")+)[ \t]+(?P<rest>.*)')
_OPTION = re.compile(
    r'(?:(?P<name>namespaces|valid-after|valid-before)="(?P<value>[^"\\]*)"|(?P<ca>cert-authority))(?:,|$)',
    re.IGNORECASE,
)
_KEY = re.compile(r"(?:ssh-|ecdsa-|sk-)\S")
_FORMS = {8: "%Y%m%d", 12: "%Y%m%d%H%M", 14: "%Y%m%d%H%M%S"}
_FOREVER = 2**62
_FIRST_YEAR = 1971
"""ssh-keygen takes no time before 1970, nor its first second."""


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
    """The Ed25519 keys of the file; others and authorities sign no evidence, and are left out.

    A line ends with a line feed and with nothing else, or a comment could hide a key. Raises
    FileErrors with all mistakes.
    """
    problems, found = [], []
    try:
        lines = data.decode().split("\n")
    except UnicodeDecodeError:
        raise FileErrors([Problem(Span(path), "not text")]) from None
    for number, each in enumerate(lines, 1):
        line = each.removesuffix("\r").strip(" \t")
        if not line or line.startswith("#"):
            continue
        try:
            signer = _signer(line)
        except ParseError as error:
            problems.append(Problem(Span(path, number), error.what, error.hint))
        else:
            found += [signer] if signer else []
    if not found and not problems:
        hint = "`tocsin evidence key` makes one"
        problems.append(Problem(Span(path), "no Ed25519 key in it", hint))
    if problems:
        raise FileErrors(problems)
    return tuple(found)


def _signer(line: str) -> Signer | None:
    """None for a key that is of another kind, or for certificates only."""
    if not line.replace("\t", " ").isprintable():
        raise ParseError("a character that can't be seen", hint="write the line anew, by hand")
    match = _LINE.fullmatch(line)
    if match is None:
        raise ParseError("not a line of principals, options and a key")
    principals, rest = match["principals"].strip('"'), match["rest"]
    options: dict[str, str] = {}
    if _KEY.match(rest) is None:
        match = _OPTIONS.fullmatch(rest)
        if match is None:
            raise ParseError("not a line of principals, options and a key")
        options, rest = _options(match["options"]), match["rest"]
    kind, _, key = rest.replace("\t", " ").partition(" ")
    if not key or _KEY.match(kind) is None:
        raise ParseError("not a line of principals, options and a key")
    if kind != "ssh-ed25519" or "cert-authority" in options:
        return None
    return Signer(
        read_public_key(kind, key.split()[0]),
        principals,
        options.get("namespaces", "*"),
        _time(options["valid-after"]) if "valid-after" in options else -_FOREVER,
        _time(options["valid-before"]) if "valid-before" in options else _FOREVER,
    )


def _options(text: str) -> dict[str, str]:
    found: dict[str, str] = {}
    at = 0
    while at < len(text):
        match = _OPTION.match(text, at)
        if match is None:
            raise ParseError(
                f"an option that is not known: {text[at : at + 40]!r}",
                hint="known: namespaces, valid-after, valid-before",
            )
        name = (match["name"] or match["ca"]).lower()
        if name in found:
            raise ParseError(f"{name} is there twice")
        found[name] = match["value"] or ""
        at = match.end()
    return found


def _time(text: str) -> int:
    digits = text.removesuffix("Z")
    try:
        moment = datetime.strptime(digits, _FORMS[len(digits)]).replace(tzinfo=UTC)
    except (KeyError, ValueError):
        raise ParseError(f"not a time: {text[:30]!r}", hint="write YYYYMMDDZ") from None
    if moment.year < _FIRST_YEAR:
        raise ParseError(f"before {_FIRST_YEAR}: {text[:30]!r}", hint="leave it out")
    return round(moment.timestamp()) * 1_000_000
