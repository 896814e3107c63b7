"""Sigma values as questions about a field. Text is compared without case unless it is `cased`.

Sources: Sigma specification, "Sigma rules", section "Detection"; appendix "modifiers".
"""

from __future__ import annotations

import re
from ipaddress import ip_address
from typing import TYPE_CHECKING, Any

from sigma.policy import SigmaPolicy
from sigma.policy.regex_engine import RegexEngine
from sigma.types import (
    CompareOperators,
    SigmaBool,
    SigmaCasedString,
    SigmaCIDRExpression,
    SigmaCompareExpression,
    SigmaExists,
    SigmaFieldReference,
    SigmaNull,
    SigmaNumber,
    SigmaRegularExpression,
    SigmaRegularExpressionFlag,
    SigmaString,
    SigmaTimestampPart,
    SpecialChars,
)

from tocsin.correlation._model import Atom
from tocsin.correlation._number import plain_number
from tocsin.correlation._taxonomy import field_names
from tocsin.errors import ParseError, UnsupportedError
from tocsin.labels import compile_regex

if TYPE_CHECKING:
    from collections.abc import Callable

    from sigma.types import SigmaType

    from tocsin.correlation._model import Event

__all__ = ["POLICY", "field_atom", "keyword_atom", "one_of"]


class _Regexes(RegexEngine):
    """RE2 as everywhere in Tocsin; pySigma's own writes mistakes to standard error."""

    def compile(self, pattern: str, flags: int = 0) -> Any:  # noqa: ARG002 - pySigma's own
        """What pySigma compiles it only checks, and flags make no expression better or worse."""
        return compile_regex(pattern)

    @property
    def error(self) -> type[Exception]:
        return ParseError


POLICY = SigmaPolicy(regex_engine=_Regexes())

_COMPARE: dict[CompareOperators, Callable[[float, float], bool]] = {
    CompareOperators.LT: lambda a, b: a < b,
    CompareOperators.LTE: lambda a, b: a <= b,
    CompareOperators.GT: lambda a, b: a > b,
    CompareOperators.GTE: lambda a, b: a >= b,
    CompareOperators.NEQ: lambda a, b: a != b,
}
_FLAGS = {
    SigmaRegularExpressionFlag.IGNORECASE: "i",
    SigmaRegularExpressionFlag.MULTILINE: "m",
    SigmaRegularExpressionFlag.DOTALL: "s",
}


_PIECES = re.compile(r"\\.|\[\^?\]?(?:\\.|[^\]\\])*\]|.", re.DOTALL)
"""An escape, a class or a character of a regex."""
_ANCHORS = frozenset({"^", "$", r"\b", r"\B", r"\A", r"\z"})


def field_atom(field: str, value: SigmaType) -> Atom:
    """The question whether a field has a value. Raises UnsupportedError, by name, or ParseError."""
    names = field_names(field)
    what = f"{field} {type(value).__name__} {_told(value)}"
    if isinstance(value, SigmaNull):
        return Atom(names, lambda found: found is None or found == (), what)
    if isinstance(value, SigmaExists):
        wanted = bool(value.exists)
        return Atom(names, lambda found: (found is not None) is wanted, what)
    if isinstance(value, SigmaFieldReference):
        return Atom((), _same(names, value), what)
    pattern = _pattern(value) if isinstance(value, SigmaRegularExpression) else ""
    return Atom(names, _any(_text_judge(value, field)), what, pattern, _needs(value))


def keyword_atom(value: SigmaType) -> Atom:
    """The question whether an event's text holds a keyword anywhere."""
    if isinstance(value, SigmaNumber) and not isinstance(value, SigmaTimestampPart):
        value = SigmaString(str(value.number))
    if isinstance(value, SigmaString):
        parts = value.s
        if not (parts and parts[0] is SpecialChars.WILDCARD_MULTI):
            value = SpecialChars.WILDCARD_MULTI + value
        if not value.endswith(SpecialChars.WILDCARD_MULTI):
            value = value + SpecialChars.WILDCARD_MULTI
    elif not isinstance(value, SigmaRegularExpression):
        raise UnsupportedError(f"a keyword that is a {_kind(value)}")
    judge = _text_judge(value, "a keyword")
    return Atom((), lambda event: judge(event.text), f"keyword {_told(value)}", needs=_needs(value))


def one_of(field: str, values: tuple[str, ...]) -> Atom:
    """The question whether a field is one of some texts."""
    wanted = frozenset(values)
    needs = "|".join(_quoted(each) for each in sorted(wanted) if each)
    needs = needs if all(each and each.isascii() for each in wanted) else ""
    what = f"{field} of {sorted(wanted)}"
    return Atom((field,), _any(lambda text: text in wanted), what, needs=needs)


def _any(judge: Callable[[str], bool]) -> Callable[[Any], bool]:
    """A field with several values has a value if one of them is it."""

    def found(value: Any) -> bool:
        if value is None:
            return False
        if isinstance(value, tuple):
            return any(judge(str(each)) for each in value)
        return judge(value if isinstance(value, str) else str(value))

    return found


def _text_judge(value: SigmaType, where: str) -> Callable[[str], bool]:
    match value:
        case SigmaRegularExpression():
            search = compile_regex(_pattern(value)).search
            return lambda text: search(text) is not None
        case SigmaString():
            return _string_judge(value, where)
        case SigmaCIDRExpression():
            network = value.network
            return lambda text: (found := _address(text)) is not None and found in network
        case SigmaTimestampPart():
            raise UnsupportedError(f"a modifier on parts of a time stamp, of {where}")
        case SigmaNumber():
            number = value.number
            return lambda text: text == str(number) or plain_number(text) == number
        case SigmaBool():
            wanted = str(value.boolean).lower()
            return lambda text: text.lower() == wanted
        case SigmaCompareExpression():
            if isinstance(value.number, SigmaTimestampPart):
                raise UnsupportedError(f"a modifier on parts of a time stamp, of {where}")
            compare, limit = _COMPARE[value.op], value.number.number
            return lambda text: (found := plain_number(text)) is not None and compare(found, limit)
    raise UnsupportedError(f"{_kind(value)}, of {where}")


def _pattern(value: SigmaRegularExpression) -> str:
    flags = "".join(sorted(_FLAGS[each] for each in value.flags))
    # A dot is no line break but with the modifier `s`.
    off = "" if "s" in flags else "-s"
    return f"(?{flags}{off}:{value.regexp})"


def _told(value: SigmaType) -> str:
    """The same text for the same value in every process."""
    if isinstance(value, SigmaRegularExpression):
        return _pattern(value)
    return "" if isinstance(value, SigmaNull) else repr(value)


def _needs(value: SigmaType) -> str:
    """What any text that has the value holds somewhere."""
    if isinstance(value, SigmaRegularExpression):
        return _unanchored(_pattern(value))
    if not isinstance(value, SigmaString):
        return ""
    cased = isinstance(value, SigmaCasedString)
    texts = [each if cased else each.lower() for each in value.s if isinstance(each, str)]
    longest = max(texts, key=len, default="")
    if not longest.isascii():
        return ""
    return _quoted(longest) if cased else f"(?i:{_quoted(longest)})" if longest else ""


def _unanchored(pattern: str) -> str:
    """The regex without what asks for a place in the text; empty if that is not clear."""
    if not pattern.isascii() or "[:" in pattern or "\\Q" in pattern:
        return ""
    parts = _PIECES.findall(pattern)
    return "".join("(?:)" if each in _ANCHORS else each for each in parts)


def _string_judge(value: SigmaString, where: str) -> Callable[[str], bool]:
    cased = isinstance(value, SigmaCasedString)
    parts = list(value.s)
    if any(not isinstance(each, str | SpecialChars) for each in parts):
        raise UnsupportedError(f"a placeholder (modifier expand), of {where}")
    texts = [each if cased else each.lower() for each in parts if isinstance(each, str)]
    shape = [each if isinstance(each, SpecialChars) else "" for each in parts]
    star = SpecialChars.WILDCARD_MULTI
    if not parts:
        return lambda text: not text
    if len(texts) == 1 and SpecialChars.WILDCARD_SINGLE not in shape:
        (wanted,) = texts
        if shape == [""]:
            return (lambda text: text == wanted) if cased else (lambda text: text.lower() == wanted)
        if shape == ["", star]:
            if cased:
                return lambda text: text.startswith(wanted)
            return lambda text: text.lower().startswith(wanted)
        if shape == [star, ""]:
            if cased:
                return lambda text: text.endswith(wanted)
            return lambda text: text.lower().endswith(wanted)
        if shape == [star, "", star]:
            return (lambda text: wanted in text) if cased else (lambda text: wanted in text.lower())
    source = "".join(
        _quoted(each) if isinstance(each, str) else ".*" if each is star else "." for each in parts
    )
    match = compile_regex(f"(?{'s' if cased else 'si'}:{source})").fullmatch
    return lambda text: match(text) is not None


def _quoted(text: str) -> str:
    return "".join(each if each.isalnum() else f"\\x{{{ord(each):x}}}" for each in text)


def _same(names: tuple[str, ...], reference: SigmaFieldReference) -> Callable[[Event], bool]:
    others = field_names(reference.field)

    def judge(event: Event) -> bool:
        return any(
            alike(text, wanted) for text in _texts(event, names) for wanted in _texts(event, others)
        )

    def alike(text: str, wanted: str) -> bool:
        if reference.starts_with and reference.ends_with:
            return wanted in text
        if reference.starts_with:
            return text.startswith(wanted)
        return text.endswith(wanted) if reference.ends_with else text == wanted

    return judge


def _texts(event: Event, names: tuple[str, ...]) -> list[str]:
    """What a field holds, in lower case; nothing if it is not there."""
    found = next((event.fields[name] for name in names if name in event.fields), ())
    return [str(each).lower() for each in (found if isinstance(found, tuple) else (found,))]


def _address(text: str) -> Any:
    try:
        return ip_address(text)
    except ValueError:
        return None


def _kind(value: SigmaType) -> str:
    return type(value).__name__.removeprefix("Sigma")
