"""Go's formatting of values: what `{{ $value }}` and `printf` print.

Source: the documentation of Go's packages `fmt` and `strconv`; checked against promtool.
"""

from __future__ import annotations

import json
import math
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["format_float", "format_value", "sprint", "sprintf"]

_VERB = re.compile(r"%([-+# 0]*)([0-9]{1,3}|\*)?(?:\.([0-9]{0,2}))?(.)", re.DOTALL)
_TYPES = {bool: "bool", int: "int", float: "float64", str: "string"}


def format_float(value: float) -> str:
    """The `%v` of a float64: shortest digits; an exponent below 1e-4 and from 1e+06 on."""
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "+Inf" if value > 0 else "-Inf"
    sign = "-" if math.copysign(1, value) < 0 else ""
    digits, exponent = _shortest(abs(value))
    if exponent < -4 or exponent >= 6:
        mantissa = digits[0] + ("." + digits[1:] if len(digits) > 1 else "")
        return f"{sign}{mantissa}e{'-' if exponent < 0 else '+'}{abs(exponent):02d}"
    if exponent < 0:
        return f"{sign}0.{'0' * (-exponent - 1)}{digits}"
    whole, rest = digits[: exponent + 1].ljust(exponent + 1, "0"), digits[exponent + 1 :]
    return f"{sign}{whole}.{rest}" if rest else f"{sign}{whole}"


def _shortest(value: float) -> tuple[str, int]:
    """Significant digits that read back as `value`, and the exponent of the first."""
    mantissa, _, exponent = repr(value).partition("e")
    whole, _, fraction = mantissa.partition(".")
    digits = (whole + fraction).rstrip("0")
    leading = len(digits) - len(digits.lstrip("0"))
    digits = digits.lstrip("0") or "0"
    return digits, (0 if digits == "0" else int(exponent or 0) + len(whole) - 1 - leading)


def format_value(value: object) -> str:
    """The `%v` of any value a template can hold."""
    if value is None:
        return "<no value>"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return format_float(value)
    if isinstance(value, dict):
        inner = " ".join(f"{key}:{format_value(value[key])}" for key in sorted(value))
        return f"map[{inner}]"
    if isinstance(value, (list, tuple)):
        return "[" + " ".join(format_value(item) for item in value) + "]"
    return str(value)


def sprint(values: Sequence[object]) -> str:
    """`fmt.Sprint`: a space between two operands when neither is a string."""
    parts: list[str] = []
    for position, value in enumerate(values):
        if position and not (isinstance(value, str) or isinstance(values[position - 1], str)):
            parts.append(" ")
        parts.append(format_value(value))
    return "".join(parts)


def sprintf(layout: str, values: Sequence[object]) -> str:
    """`fmt.Sprintf`, with Go's `%!d(float64=3)` where verb and value do not fit."""
    used = 0

    def expand(match: re.Match[str]) -> str:
        nonlocal used
        flags, width, precision, verb = match.groups()
        if verb == "%":
            return "%"
        if width == "*":
            if used >= len(values) or not isinstance(values[used], int):
                return "%!(BADWIDTH)"
            width = str(min(abs(int(values[used])), 200))  # type: ignore[call-overload]
            used += 1
        if used >= len(values):
            return f"%!{verb}(MISSING)"
        value = values[used]
        used += 1
        text = _verb(verb, value, flags, precision)
        if text is None:
            kind = _TYPES.get(type(value), "interface {}")
            return f"%!{verb}({kind}={format_value(value)})"
        return _pad(text, flags, min(int(width or 0), 200), number=not isinstance(value, str))

    result = _VERB.sub(expand, layout)
    if used < len(values):
        extra = ", ".join(
            f"{_TYPES.get(type(v), 'interface {}')}={format_value(v)}" for v in values[used:]
        )
        result += f"%!(EXTRA {extra})"
    return result


def _pad(text: str, flags: str, width: int, *, number: bool) -> str:
    if "-" in flags:
        return text.ljust(width)
    finite = text.lstrip("+- ")[:1].isdigit()
    if "0" in flags and number and finite:
        sign = text[0] if text[:1] in "+- " and text else ""
        return sign + text[len(sign) :].rjust(width - len(sign), "0")
    return text.rjust(width)


def _verb(verb: str, value: object, flags: str, precision: str | None) -> str | None:
    if verb == "v":
        if isinstance(value, float) and precision is not None:
            return _float("g", value, flags, precision)
        return _signed(format_value(value), value, flags)
    if verb == "t":
        return format_value(value) if isinstance(value, bool) else None
    if isinstance(value, bool):
        return None
    if isinstance(value, float):
        return _float(verb, value, flags, precision)
    if isinstance(value, int):
        return _integer(verb, value, flags)
    if isinstance(value, str):
        return _string(verb, value, precision)
    if verb == "s":
        return format_value(value)
    return None


def _signed(text: str, value: object, flags: str) -> str:
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        if "+" in flags and text[:1] not in "+-":
            return "+" + text
        if "+" not in flags and " " in flags and text[:1] not in "+-":
            return " " + text
    return text


def _float(verb: str, value: float, flags: str, precision: str | None) -> str | None:
    if verb in "xX" and precision is None:
        finite = math.isfinite(value)
        text = _signed(_hexadecimal(value) if finite else format_float(value), value, flags)
        return text.upper() if verb == "X" and finite else text
    if verb not in "eEfFgG":
        return None
    if not math.isfinite(value) or (verb in "gG" and precision is None):
        text = format_float(value)
    else:
        digits = 6 if precision is None else int(precision or 0)
        text = format(value, f".{digits}{verb}")
    return _signed(text, value, flags)


def _hexadecimal(value: float) -> str:
    """Go's `%x` of a float: `0x1.8p+01`."""
    mantissa, _, exponent = value.hex().partition("p")
    whole, _, fraction = mantissa.partition(".")
    fraction = fraction.rstrip("0")
    power = int(exponent)
    sign = "-" if power < 0 else "+"
    return f"{whole}{'.' if fraction else ''}{fraction}p{sign}{abs(power):02d}"


def _integer(verb: str, value: int, flags: str) -> str | None:
    sharp = "#" in flags
    if verb == "d":
        text = str(value)
    elif verb in "xXobc":
        if verb == "c":
            return chr(value) if 0 <= value < 0x110000 else "\ufffd"
        text = format(value, ("#" if sharp else "") + verb)
    elif verb == "q":
        return f"'{chr(value)}'" if 0 <= value < 0x110000 else None
    else:
        return None
    return _signed(text, value, flags)


def _string(verb: str, value: str, precision: str | None) -> str | None:
    if precision is not None and verb in "sq":
        value = value[: int(precision or 0)]
    if verb == "s":
        return value
    if verb == "q":
        return json.dumps(value, ensure_ascii=False)
    if verb in "xX":
        text = value.encode().hex()
        return text.upper() if verb == "X" else text
    return None
