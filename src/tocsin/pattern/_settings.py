"""What AWS leaves undecided, or has said in two ways: a named choice each, with a default."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

__all__ = ["DEFAULTS", "Settings"]


@dataclass(frozen=True, slots=True)
class Settings:
    """How to read what the documentation does not settle. The defaults follow its newest text."""

    last_field: Literal["rest", "one"] = "rest"
    """Without `...`, the last field of a space-delimited pattern takes the `rest` of the line,
    as in the examples of the present user guide, or is `one` field, as its 2018-2021 text said."""

    escaped_quotes: Literal["data", "end"] = "data"
    """In a space-delimited event, a `\\"` between double quotes is `data`, or the quote in it is
    the `end` of the field. Apache and nginx write quotes in requests this way, and whoever sends
    the request chooses where they stand."""

    inner_asterisk: Literal["literal", "wildcard"] = "literal"
    """An asterisk between other characters of a value stands for itself (user guide until 2021)
    or for any text (later texts do not say)."""

    missing_not_equal: bool = False
    """Whether `!=` holds for a property that the event does not have. AWS was seen to say no."""

    numeric_strings: bool = True
    """Whether a JSON string that spells a plain number, such as "404", is compared as a number
    with a number in the pattern. If not, only `=` and `!=` look at it, as text."""

    quoted_numbers: bool = True
    """Whether a string in double quotes, such as "404", equals the JSON number written the same."""

    booleans: bool = True
    """Whether `= true` holds for the JSON boolean. `IS TRUE` always does."""

    json_extraction: Literal["nothing", "selectors"] = "nothing"
    """What a match of a JSON pattern extracts: `nothing` (user guide, 2018-2021), or the scalar
    values that its `selectors` point at."""

    default_samples: Literal["minute", "event"] = "minute"
    """Where a default value is set: one sample for a `minute` with events and no match, or one for
    each `event` that does not match."""

    unusable_value: Literal["skip", "default"] = "skip"
    """A matching event whose value field is missing or no number is skipped, and counted as such,
    or counts as the default value, where there is one."""

    missing_dimension: Literal["none", "partial", "skip"] = "none"
    """A matching event without the field of a dimension is published with `none` of the
    dimensions, with those that could be read (`partial`), or not at all (`skip`)."""


DEFAULTS = Settings()
"""The defaults."""
