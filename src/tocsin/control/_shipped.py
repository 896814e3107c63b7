"""The catalogues that come with Tocsin."""

from __future__ import annotations

from importlib.resources import files

__all__ = ["SHIPPED", "shipped_text"]

SHIPPED = ("lab", "starter")
"""`lab`: the four controls of the lab; `starter`: those that fit any Tocsin."""


def shipped_text(name: str) -> bytes:
    """The file of a catalogue in `SHIPPED`."""
    return files("tocsin.control").joinpath(f"{name}.yaml").read_bytes()
