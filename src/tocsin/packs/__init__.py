"""Ready filters and alarms, shipped with Tocsin and deployable to AWS as they are."""

from tocsin.packs._apply import PACKS, apply_pack, fits

__all__ = ["PACKS", "apply_pack", "fits"]
