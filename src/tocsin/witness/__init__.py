"""The witness: a second party that cosigns checkpoints, and how it is asked."""

from tocsin.witness._client import ask_witness
from tocsin.witness._service import Witness, make_witness

__all__ = ["Witness", "ask_witness", "make_witness"]
