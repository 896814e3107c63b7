"""A place in the text of a pattern, and the small words that all three notations share."""

from __future__ import annotations

import re
from typing import NoReturn

from tocsin.errors import ParseError, Span
from tocsin.pattern._numbers import is_number
from tocsin.pattern._regex import RegexError
from tocsin.pattern._syntax import Number, Op, Regex, Text, Value

__all__ = ["BLANKS", "Cursor"]

BLANKS = " \t\r\n\f\v"
_SPACE = re.compile(f"[{BLANKS}]*")
_QUOTED = re.compile(r'"((?:[^"\\]|\\.)*)"', re.DOTALL)
_UNESCAPE = re.compile(r'\\(["\\])')
_OPERATOR = re.compile(r"!=|<=|>=|=|<|>")
# A word ends at a blank, a bracket, a quote, a logical operator, or (in fields) a comma.
_WORDS = {
    "json": re.compile(r"(?:[^\s&|(){}\"'%]|&(?!&)|\|(?!\|))+"),
    "fields": re.compile(r"(?:[^\s&|()\[\],\"'%]|&(?!&)|\|(?!\|))+"),
}


class Cursor:
    """Reads a pattern from left to right."""

    def __init__(self, text: str, path: str = "", at: int = 0, end: int | None = None) -> None:
        self.text = text
        self.path = path
        self.at = at
        self.end = len(text) if end is None else end

    def span(self, at: int | None = None) -> Span:
        place = self.at if at is None else at
        line = self.text.count("\n", 0, place) + 1
        return Span(self.path, line, place - (self.text.rfind("\n", 0, place) + 1) + 1)

    def fail(self, what: str, hint: str = "", at: int | None = None) -> NoReturn:
        raise ParseError(what, hint=hint, span=self.span(at))

    def skip(self) -> None:
        match = _SPACE.match(self.text, self.at, self.end)
        if match is not None:
            self.at = match.end()

    @property
    def done(self) -> bool:
        return self.at >= self.end

    def sees(self, text: str) -> bool:
        return self.text.startswith(text, self.at, self.end)

    def takes(self, text: str) -> bool:
        """Step over a text if it stands here."""
        if not self.sees(text):
            return False
        self.at += len(text)
        return True

    def take(self, regex: re.Pattern[str]) -> re.Match[str] | None:
        match = regex.match(self.text, self.at, self.end)
        if match is not None:
            self.at = match.end()
        return match

    @property
    def here(self) -> str:
        """What stands here, for a message."""
        if self.done:
            return "the end of the pattern"
        return repr(self.text[self.at : min(self.at + 20, self.end)])

    def quoted(self) -> str:
        """A string in double quotes, in which a backslash escapes a quote and a backslash."""
        match = self.take(_QUOTED)
        if match is None:
            self.fail("a double quote that nothing closes", 'write \\" for a quote inside quotes')
        return _UNESCAPE.sub(r"\1", match[1])

    def regex(self) -> Regex:
        start = self.at
        end = self.text.find("%", start + 1, self.end)
        if end < 0:
            self.fail("a % that nothing closes", "a regular expression stands between two: %ERROR%")
        self.at = end + 1
        try:
            return Regex(self.text[start + 1 : end], self.span(start))
        except ParseError as error:
            at = start + 1 + error.at if isinstance(error, RegexError) else start
            raise ParseError(error.what, hint=error.hint, span=self.span(at)) from None

    def operator(self, subject: str) -> Op:
        at = self.at
        match = self.take(_OPERATOR)
        if match is None:
            self.fail(
                f"expected a comparison after {subject}, found {self.here}",
                "one of = != < > <= >=",
            )
        op = Op(match[0])
        if op is Op.EQUAL and self.sees("="):
            self.fail("== is not an operator", "write = for equality", at)
        if op is Op.EQUAL and (self.sees("<") or self.sees(">")):
            self.fail(f"={self.text[self.at]} is not an operator", "write <= or >=", at)
        if op is Op.LESS and self.sees(">"):
            self.fail("<> is not an operator", "write !=", at)
        if op is Op.EQUAL and self.sees("~"):
            self.fail("=~ is not an operator", "write = %regex%", at)
        return op

    def value(self, op: Op, notation: str) -> Value:
        """What a subject is compared with."""
        self.skip()
        at, span = self.at, self.span()
        if self.sees("%"):
            value: Value = self.regex()
        elif self.sees('"'):
            value = Text(self.quoted(), quoted=True, span=span)
        else:
            value = self._word(notation)
        if op.orders and isinstance(value, Text) and value.quoted and is_number(value.text):
            value = Number(value.text, quoted=True, span=span)
        if op.orders and not isinstance(value, Number):
            self.fail(f"{op} needs a number, found {value}", "for example 500, -1.5 or 1e3", at)
        return value

    def _word(self, notation: str) -> Value:
        at, span = self.at, self.span()
        match = self.take(_WORDS[notation])
        if self.sees("'"):
            self.fail("single quotes do not delimit strings", 'write double quotes: "..."')
        if self.sees('"') and match:
            self.fail("a double quote inside a word", "put the whole value in double quotes")
        if self.sees("%") and match:
            self.fail(
                "a % inside a word", "a regular expression is the whole value: %...%; quote text"
            )
        if match is None:
            self.fail(f"expected a value, found {self.here}", 'a word, a number, "text" or %regex%')
        word = match[0]
        if word.startswith("=") or "\x00" in word:
            self.fail(f"expected a value, found {word!r}", "", at)
        return Number(word, span=span) if is_number(word) else Text(word, span=span)
