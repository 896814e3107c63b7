"""The regular expressions that AWS documents, checked, translated to RE2, and searched for.

Source: CloudWatch Logs User Guide, "Supported regular expressions (regex) syntax". Blanks are
not in its list of characters but stand in its examples.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from tocsin.errors import ParseError
from tocsin.labels import compile_regex

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

__all__ = ["RegexError", "compile_search", "translate"]

_SYMBOLS = frozenset(":_#=@/;,-")
_OPERATORS = frozenset("^$?[]{}|\\*+.")
_CLASSES = frozenset("dDsSwW")
_LETTERS = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789")
_ALLOWED = _SYMBOLS | _OPERATORS | _LETTERS | {" "}
_ESCAPE = re.compile(r"\\(?:x([0-9A-Fa-f]{2})|(.))", re.DOTALL)
LITERAL_BRACE = re.compile(r"\{(?![ 0-9,]*\}|[ 0-9,]*$|[ ]*[0-9,])")
"""A brace that not even begins like a repetition; nobody but AWS knows, so it is the character."""
_REPEAT = re.compile(r"\{ *([0-9]*) *(,?) *([0-9]*) *\}")
_SUBSET = (
    "letters, digits, : _ # = @ / ; , - and ^ $ ? [ ] { } | \\ * + . are supported; "
    "write any other ASCII character as \\xhh, for example \\x28 for ("
)


class RegexError(ParseError):
    """The expression is outside AWS's subset."""

    def __init__(self, what: str, hint: str, at: int) -> None:
        super().__init__(what, hint=hint)
        self.at = at
        """Where in the expression, from 0."""


def compile_search(source: str) -> Callable[[str], bool]:
    """Whether a text contains a match. Raises ParseError."""
    search = compile_regex(translate(source)).search

    def contains(text: str) -> bool:
        try:
            return search(text) is not None
        except UnicodeEncodeError:
            # A lone surrogate, from "\ud800" in JSON, has no UTF-8.
            return search(text.encode(errors="replace").decode()) is not None

    return contains


def translate(source: str) -> str:
    """The same expression for RE2. Raises ParseError."""
    if not source:
        raise ParseError("an empty regular expression", hint="write %ERROR%, or leave it out")
    return "".join(_pieces(source))


def _pieces(source: str) -> Iterator[str]:
    at, in_class = 0, False
    while at < len(source):
        letter = source[at]
        if letter == "\\":
            piece, at = _escape(source, at)
            yield piece
            continue
        _check(source, at, letter)
        if in_class:
            if letter == "[":
                raise _refusal(at, "a bracket inside a character class", "escape it: \\[")
            in_class = letter != "]"
        elif letter == "[":
            in_class = True
        elif letter == "{":
            piece, at = _repeat(source, at)
            yield piece
            continue
        yield letter
        at += 1


def _escape(source: str, at: int) -> tuple[str, int]:
    match = _ESCAPE.match(source, at)
    if match is None:
        raise _refusal(at, "a backslash at the end of a regular expression", "write \\\\")
    hexadecimal, letter = match.groups()
    if hexadecimal:
        if int(hexadecimal, 16) > 0x7F:
            raise _refusal(at, f"\\x{hexadecimal} is not ASCII", "use \\x00 to \\x7F")
        return match[0], match.end()
    if letter in _CLASSES:
        return match[0], match.end()
    if letter in _SYMBOLS | _OPERATORS:
        return re.escape(letter), match.end()
    if letter in "()":
        raise _parentheses(at)
    raise _refusal(
        at,
        f"\\{letter} is not supported in a regular expression",
        "the supported escapes are \\d \\D \\s \\S \\w \\W \\xhh and those of operators",
    )


def _check(source: str, at: int, letter: str) -> None:
    if letter in _ALLOWED:
        return
    if letter in "()":
        raise _parentheses(at)
    if ord(letter) > 0x7F:
        raise _refusal(
            at, "multi-byte characters are not supported in a regular expression", _SUBSET
        )
    raise _refusal(at, f"{letter!r} is not supported in the regular expression {source!r}", _SUBSET)


def _repeat(source: str, at: int) -> tuple[str, int]:
    if LITERAL_BRACE.match(source, at):
        return "\\{", at + 1
    match = _REPEAT.match(source, at)
    if match is None or not (match[1] or match[3]):
        raise _refusal(at, "{ does not begin a repetition", "write {m,n}, or \\{ for the character")
    least, comma, most = match.groups()
    # RE2 takes {,5} for five characters.
    return f"{{{least or 0}{comma}{most}}}", match.end()


def _parentheses(at: int) -> RegexError:
    return _refusal(
        at,
        "parentheses are not supported in a regular expression",
        "write alternatives side by side (%gray|grey%), and \\x28 \\x29 for the characters",
    )


def _refusal(at: int, what: str, hint: str) -> RegexError:
    return RegexError(what, hint, at)
