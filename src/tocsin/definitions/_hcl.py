"""Terraform sources are not read yet."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tocsin.errors import Problem, Span

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tocsin.definitions._resource import Reading

__all__ = ["read_hcl"]


def read_hcl(
    sources: Sequence[tuple[str, bytes]], _parameters: Mapping[str, str], reading: Reading
) -> None:
    for path, _ in sources:
        reading.errors.append(Problem(Span(path), "Terraform sources are not read yet"))
