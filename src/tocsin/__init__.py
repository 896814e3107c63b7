"""Tocsin: intrusion detection with evidence that it was awake."""

__all__ = ["__version__"]

__version__ = "0.1.0"
