"""A reader of Terraform sources: all blocks, and those expressions that can be static.

Source: HCL native syntax specification. Whatever is not a literal, a template, a list, a
map, a path, a call of a function or an operation on these becomes an `Opaque`: kept, and
never guessed.
"""

from __future__ import annotations

import re

from tocsin.definitions._hcl_operators import BINDING
from tocsin.definitions._hcl_scan import MAX_DEPTH, NAME, Scanner
from tocsin.definitions._hcl_syntax import (
    Block,
    Call,
    Choice,
    Expression,
    Items,
    Literal,
    Opaque,
    Operation,
    Pairs,
    Path,
    Template,
)
from tocsin.errors import FileErrors, Problem, Span

__all__ = ["parse_hcl"]

_MAX_BYTES = 8 << 20
_NUMBER = re.compile(r"-?[0-9]{1,400}(?:\.[0-9]{1,400})?(?:[eE][+-]?[0-9]{1,4})?(?![\w.])")
_MAX_CHAIN = 50
_SIGNS = sorted(BINDING, key=len, reverse=True)
_WORDS = {"true": True, "false": False, "null": None}
_FOR = re.compile(r"[\[{]\s*for\b")
_ESCAPES = {"n": "\n", "r": "\r", "t": "\t", '"': '"', "\\": "\\"}
_TEMPLATE_STEP = re.compile(r"\\(u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8}|.)|([$%])\2\{|([$%])\{", re.DOTALL)
_HEREDOC_STEP = re.compile(r"(?!)()|([$%])\2\{|([$%])\{")


def parse_hcl(data: bytes, path: str) -> Block:
    """The file as one block without a type. Raises FileErrors with the place."""
    if len(data) > _MAX_BYTES:
        raise FileErrors([Problem(Span(path), f"file is larger than {_MAX_BYTES >> 20} MiB")])
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise FileErrors([Problem(Span(path, line), "not UTF-8 text")]) from None
    parser = _Parser(Scanner(text, path))
    top = Block(Span(path, 1, 1), "", ())
    parser.body(top, "", 0)
    return top


class _Parser:
    """Recursive descent over one text."""

    def __init__(self, scanner: Scanner) -> None:
        self.scan = scanner

    def body(self, into: Block, closer: str, depth: int) -> None:
        scan = self.scan
        if depth > MAX_DEPTH:
            raise scan.error(f"nested deeper than {MAX_DEPTH} levels")
        while True:
            scan.blank(lines=True)
            if scan.at >= len(scan.text):
                if closer:
                    raise scan.error("a block is never closed", None)
                return
            if closer and scan.take(closer):
                return
            start = scan.span()
            name = scan.name()
            if name is None:
                raise scan.error(f"{scan.peek()!r} where a name is expected")
            scan.blank(lines=False)
            if scan.peek() == "=" and not scan.text.startswith("==", scan.at):
                scan.at += 1
                if name in into.attributes:
                    what = f"{name} is given twice"
                    raise FileErrors([Problem(start, f"not HCL: {what}")])
                into.attributes[name] = self.expression("\n}", depth + 1)
                continue
            labels = self._labels()
            block = Block(start, name, tuple(labels))
            self.body(block, "}", depth + 1)
            into.blocks.append(block)

    def _labels(self) -> list[str]:
        scan = self.scan
        labels: list[str] = []
        while True:
            scan.blank(lines=False)
            if scan.take("{"):
                return labels
            if scan.peek() == '"':
                labels.append(scan.quoted()[0])
            elif (word := scan.name()) is not None:
                labels.append(word)
            else:
                raise scan.error(f"{scan.peek()!r} where = or {{ is expected")

    def expression(self, stops: str, depth: int) -> Expression:
        """One expression, up to one of `stops`; line ends count where they are among them."""
        scan = self.scan
        if depth > MAX_DEPTH:
            raise scan.error(f"nested deeper than {MAX_DEPTH} levels")
        lines = "\n" not in stops
        scan.blank(lines=lines)
        start = scan.at
        if start >= len(scan.text) or scan.peek() in stops:
            raise scan.error("a value is missing")
        # A key of a map ends at its = sign.
        found = self._primary(depth) if "=" in stops else self._choice(depth, lines=lines)
        scan.blank(lines=lines)
        if scan.at < len(scan.text) and scan.peek() not in stops:
            scan.rest(stops)
            found = None
        if found is None:
            text = " ".join(scan.text[start : scan.at].split())
            return Opaque(scan.span(start), text)
        return found

    def _choice(self, depth: int, *, lines: bool) -> Expression | None:
        scan, span = self.scan, self.scan.span()
        condition = self._operation(0, depth, lines=lines)
        scan.blank(lines=lines)
        if condition is None or not scan.take("?"):
            return condition
        if depth > MAX_DEPTH:
            raise scan.error(f"nested deeper than {MAX_DEPTH} levels")
        scan.blank(lines=lines)
        one = self._choice(depth + 1, lines=lines)
        scan.blank(lines=lines)
        if one is None or not scan.take(":"):
            return None
        scan.blank(lines=lines)
        other = self._choice(depth + 1, lines=lines)
        return None if other is None else Choice(span, condition, one, other)

    def _operation(self, least: int, depth: int, *, lines: bool) -> Expression | None:
        """Operands, and between them operators that bind at least so much."""
        scan, span = self.scan, self.scan.span()
        left, chain = self._signed(depth, lines=lines), 0
        while left is not None:
            scan.blank(lines=lines)
            found = next((s for s in _SIGNS if scan.text.startswith(s, scan.at)), "")
            if not found or BINDING[found] < least:
                return left
            chain += 1
            if depth > MAX_DEPTH or chain > _MAX_CHAIN:
                return None
            scan.at += len(found)
            scan.blank(lines=lines)
            right = self._operation(BINDING[found] + 1, depth + 1, lines=lines)
            left = None if right is None else Operation(span, found, (left, right))
        return None

    def _signed(self, depth: int, *, lines: bool) -> Expression | None:
        scan, span = self.scan, self.scan.span()
        sign = scan.peek()
        if sign == "!" or (sign == "-" and not _NUMBER.match(scan.text, scan.at)):
            if depth > MAX_DEPTH:
                raise scan.error(f"nested deeper than {MAX_DEPTH} levels")
            scan.at += 1
            scan.blank(lines=lines)
            operand = self._signed(depth + 1, lines=lines)
            return None if operand is None else Operation(span, sign, (operand,))
        return self._primary(depth)

    def _primary(self, depth: int) -> Expression | None:
        scan = self.scan
        span, letter = scan.span(), scan.peek()
        if letter == '"':
            raw, at = scan.quoted()
            return self._template(raw, span, at, depth)
        if letter == "<" and (text := scan.heredoc()) is not None:
            return self._template(text, span, None, depth)
        if _FOR.match(scan.text, scan.at):
            scan.at = scan.closer(scan.at)
            return None
        if letter == "(":
            end = scan.closer(scan.at)
            scan.at += 1
            inner = self.expression(")", depth + 1)
            scan.at = end
            return None if scan.peek() in {".", "["} else inner
        if letter == "[":
            return self._items(span, depth)
        if letter == "{":
            return self._pairs(span, depth)
        if number := _NUMBER.match(scan.text, scan.at):
            scan.at = number.end()
            return Literal(span, _number(number[0]))
        name = scan.name()
        if name is None:
            return None
        if name in _WORDS:
            return Literal(span, _WORDS[name])
        if scan.peek() == "(":
            return self._call(name, span, depth)
        return self._path(name, span, depth)

    def _items(self, span: Span, depth: int) -> Items | None:
        items, whole = self._listed("]", depth)
        return Items(span, tuple(items)) if whole else None

    def _call(self, name: str, span: Span, depth: int) -> Call | None:
        arguments, whole = self._listed(")", depth)
        return Call(span, name, tuple(arguments)) if whole else None

    def _listed(self, closer: str, depth: int) -> tuple[list[Expression], bool]:
        """Expressions between brackets; not whole if they end in `...`."""
        scan = self.scan
        scan.at += 1
        found: list[Expression] = []
        while True:
            scan.blank(lines=True)
            if scan.take(closer):
                return found, True
            found.append(self.expression(f",{closer}", depth + 1))
            if not scan.take(",") and scan.peek() != closer:
                raise scan.error(f"{closer} is missing")

    def _pairs(self, span: Span, depth: int) -> Pairs:
        scan = self.scan
        scan.at += 1
        found: list[tuple[Expression, Expression]] = []
        while True:
            scan.blank(lines=True)
            while scan.take(","):
                scan.blank(lines=True)
            if scan.take("}"):
                return Pairs(span, tuple(found))
            key = self._key(depth)
            scan.blank(lines=False)
            if not (scan.take("=") or scan.take(":")):
                raise scan.error("= is missing")
            found.append((key, self.expression("\n,}", depth + 1)))

    def _key(self, depth: int) -> Expression:
        scan = self.scan
        start = scan.at
        name = NAME.match(scan.text, start)
        if name is not None:
            scan.at = name.end()
            scan.blank(lines=False)
            if scan.peek() in {"=", ":"}:
                return Literal(scan.span(start), name[0])
            scan.at = start
        return self.expression("=:", depth + 1)

    def _path(self, name: str, span: Span, depth: int) -> Path | None:
        scan = self.scan
        start = scan.at - len(name)
        parts: list[str | Expression] = [name]
        while True:
            if scan.take("."):
                step = scan.name()
                if step is None:
                    digits = re.compile(r"[0-9]{1,9}").match(scan.text, scan.at)
                    if digits is None:  # a splat
                        return None
                    scan.at = digits.end()
                    parts.append(Literal(span, int(digits[0])))
                else:
                    parts.append(step)
            elif scan.peek() == "[" and not scan.text.startswith("[*]", scan.at):
                scan.at += 1
                parts.append(self.expression("]", depth + 1))
                if not scan.take("]"):
                    raise scan.error("] is missing")
            elif scan.peek() == "[":
                return None
            else:
                return Path(span, tuple(parts), scan.text[start : scan.at])

    def _template(self, raw: str, span: Span, begin: int | None, depth: int) -> Expression:
        """The parts of a quoted string, or of a heredoc, which knows no backslashes."""
        step = _HEREDOC_STEP if begin is None else _TEMPLATE_STEP
        parts: list[str | Expression] = [""]
        inner = Scanner(raw, self.scan.path, span)
        at = 0
        while (found := step.search(raw, at)) is not None:
            text = raw[at : found.start()]
            at = found.end()
            if found[3]:
                parts.append(text)
                at = inner.closer(found.end() - 1)
                source = raw[found.end() : at - 1].strip().strip("~").strip()
                parts += [self._part(found[3], source, span, depth), ""]
                continue
            mark = found[1]
            parts.append(text + (f"{found[2]}{{" if found[2] else self._escape(mark, span)))
        parts.append(raw[at:])
        merged: list[str | Expression] = []
        for each in parts:
            if isinstance(each, str) and merged and isinstance(merged[-1], str):
                merged[-1] += each
            elif each != "" or not merged:
                merged.append(each)
        if len(merged) == 1 and isinstance(merged[0], str):
            return Literal(span, merged[0])
        return Template(span, tuple(each for each in merged if each != ""))

    def _part(self, mark: str, source: str, span: Span, depth: int) -> Expression:
        if mark == "%":
            return Opaque(span, f"%{{{source}}}")
        inner = Scanner(source, self.scan.path, span)
        return _Parser(inner).expression("\0", depth + 1)

    def _escape(self, mark: str, span: Span) -> str:
        if mark in _ESCAPES:
            return _ESCAPES[mark]
        if len(mark) > 1:
            code = int(mark[1:], 16)
            is_character = code < 0xD800 or 0xDFFF < code < 0x110000
            return chr(code) if is_character else "\ufffd"
        raise FileErrors([Problem(span, f"not HCL: unknown escape \\{mark}", "write \\\\")])


def _number(text: str) -> int | float:
    value = float(text)
    return int(value) if value.is_integer() and abs(value) < 1e15 else value
