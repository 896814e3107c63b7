"""What follows from label sets alone is worked out once, not at every evaluation.

A rule meets the same series every time, and a source hands out the same tuple for
them while none comes or goes. Some hundred results are kept, the oldest go first.
"""

from __future__ import annotations

from threading import Lock
from typing import TYPE_CHECKING, TypeVar, cast

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Sequence

    from tocsin.labels import Labels

__all__ = ["derived"]

_T = TypeVar("_T")
_LEAST = 16
"""Fewer label sets than this are not worth remembering."""
_MOST = 128
_changing = Lock()

_kept: dict[tuple[int, Hashable], tuple[Sequence[Labels], object]] = {}


def derived(
    labels: Sequence[Labels], key: Hashable, compute: Callable[[Sequence[Labels]], _T]
) -> _T:
    """`compute(labels)`, remembered under the key while the same tuple comes back.

    `key` names what is computed, with all that it depends on besides the labels.
    """
    if len(labels) < _LEAST or type(labels) is not tuple:
        return compute(labels)
    place = (id(labels), key)
    found = _kept.get(place)
    # The entry holds its tuple, so no other tuple can have its identity.
    if found is not None and found[0] is labels:
        return cast("_T", found[1])
    made = compute(labels)
    with _changing:
        while len(_kept) >= _MOST:
            del _kept[next(iter(_kept))]
        _kept[place] = (labels, made)
    return made
