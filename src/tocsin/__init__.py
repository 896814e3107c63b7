"""Tocsin: intrusion detection with evidence that it was awake."""

from importlib.metadata import version as _version

__all__ = ["__version__"]

__version__ = _version("tocsin")
