"""The characters of a Terraform source: white space, comments, strings, heredocs, places.

Source: HCL native syntax specification, "Lexical Elements" and "Templates".
"""

from __future__ import annotations

import re
from bisect import bisect_right

from tocsin.errors import FileErrors, Problem, Span

__all__ = ["MAX_DEPTH", "NAME", "Scanner"]

MAX_DEPTH = 60
NAME = re.compile(r"[A-Za-z_][\w-]*", re.ASCII)
_BLANK = re.compile(r"(?:[ \t\r\f\v]+|(?:\#|//)[^\n]*|/\*.*?\*/)+", re.DOTALL)
_BLANK_LINES = re.compile(r"(?:\s+|(?:\#|//)[^\n]*|/\*.*?\*/)+", re.DOTALL)
_PLAIN = re.compile(r'[^"\\$%{}\n]+')
_HEREDOC = re.compile(r"<<(-?)([A-Za-z_][\w-]*)[ \t]*\r?\n")
_CLOSERS = {"{": "}", "[": "]", "(": ")"}


class Scanner:
    """A position in a text, and the steps that need no grammar."""

    def __init__(self, text: str, path: str, place: Span | None = None) -> None:
        self.text = text
        self.path = path
        self.at = 0
        self._place = place
        """Of texts that are part of another one: where that stands."""
        self._starts = [0, *(found.end() for found in re.finditer("\n", text))]

    def span(self, at: int | None = None) -> Span:
        if self._place is not None:
            return self._place
        at = self.at if at is None else at
        line = bisect_right(self._starts, at)
        return Span(self.path, line, at - self._starts[line - 1] + 1)

    def error(self, what: str, at: int | None = None) -> FileErrors:
        return FileErrors([Problem(self.span(at), f"not HCL: {what}")])

    def blank(self, *, lines: bool) -> None:
        """Skip white space and comments, line ends too if `lines`."""
        found = (_BLANK_LINES if lines else _BLANK).match(self.text, self.at)
        if found:
            self.at = found.end()

    def peek(self) -> str:
        return self.text[self.at : self.at + 1]

    def take(self, wanted: str) -> bool:
        if self.text.startswith(wanted, self.at):
            self.at += len(wanted)
            return True
        return False

    def name(self) -> str | None:
        found = NAME.match(self.text, self.at)
        if found is None:
            return None
        self.at = found.end()
        return found[0]

    def quoted(self) -> tuple[str, int]:
        """The raw inside of a quoted string, and where it begins; the position moves behind."""
        start = self.at + 1
        end = self._string_end(self.at, 0)
        self.at = end
        return self.text[start : end - 1], start

    def _string_end(self, at: int, depth: int) -> int:
        """Behind the string that begins at `at`."""
        start, text = at, self.text
        if depth > MAX_DEPTH:
            raise self.error(f"nested deeper than {MAX_DEPTH} levels", at)
        at += 1
        while True:
            plain = _PLAIN.match(text, at)
            at = plain.end() if plain else at
            letter = text[at : at + 1]
            if letter in {"", "\n"}:
                raise self.error("a text without its closing quote", start)
            if letter == '"':
                return at + 1
            if letter == "\\":
                at += 2
            elif text.startswith(("$${", "%%{"), at):
                at += 3
            elif text.startswith(("${", "%{"), at):
                at = self.closer(at + 1, depth + 1)
            else:
                at += 1

    def closer(self, at: int, depth: int = 0) -> int:
        """Behind the bracket that closes the one at `at`; strings and comments are skipped."""
        start, text, waiting = at, self.text, []
        while at < len(text):
            letter = text[at]
            if letter == '"':
                at = self._string_end(at, depth)
                continue
            if letter in "#/" and (skip := _BLANK.match(text, at)):
                at = skip.end()
                continue
            if letter == "<" and _HEREDOC.match(text, at):
                at = self._heredoc_end(at)[3]
                continue
            if letter in _CLOSERS:
                waiting.append(_CLOSERS[letter])
            elif letter in "}])":
                if not waiting or waiting.pop() != letter:
                    raise self.error(f"{letter} closes nothing", at)
                if not waiting:
                    return at + 1
            at += 1
        raise self.error(f"{text[start]} is never closed", start)

    def heredoc(self) -> str | None:
        """The text of a heredoc that begins here, indentation removed where `<<-` asks for it."""
        if not _HEREDOC.match(self.text, self.at):
            return None
        indented, begin, end, self.at = self._heredoc_end(self.at)
        lines = self.text[begin:end].replace("\r\n", "\n").split("\n")[:-1]
        if indented:
            widths = [len(line) - len(line.lstrip(" \t")) for line in lines if line.strip()]
            lines = [line[min(widths, default=0) :] for line in lines]
        return "".join(f"{line}\n" for line in lines)

    def _heredoc_end(self, at: int) -> tuple[bool, int, int, int]:
        """Whether it is indented, where its text begins and ends, and where its marker ends."""
        found = _HEREDOC.match(self.text, at)
        if found is None:
            raise self.error("not a heredoc", at)
        marker = re.compile(rf"^[ \t]*{re.escape(found[2])}(?=[ \t]*\r?$)", re.MULTILINE)
        end = marker.search(self.text, found.end())
        if end is None:
            raise self.error(f"the heredoc has no closing {found[2]}", at)
        return bool(found[1]), found.end(), end.start(), end.end()

    def rest(self, stops: str) -> None:
        """Move to the end of the expression: one of `stops` outside of brackets."""
        text = self.text
        while self.at < len(text) and text[self.at] not in stops:
            letter = text[self.at]
            if letter == '"':
                self.at = self._string_end(self.at, 0)
            elif letter in _CLOSERS:
                self.at = self.closer(self.at)
            elif letter == "<" and _HEREDOC.match(text, self.at):
                self.at = self._heredoc_end(self.at)[3]
            elif letter in "#/" and (skip := _BLANK.match(text, self.at)):
                self.at = skip.end()
            else:
                self.at += 1
