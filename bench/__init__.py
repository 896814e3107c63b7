"""Speeds, measured beside their peers in one run. Not part of the tests."""
