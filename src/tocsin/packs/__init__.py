"""Ready filters, alarms, Sigma rules and correlations, shipped with Tocsin."""

from tocsin.packs._apply import PACKS, apply_pack, fits, pack_rules

__all__ = ["PACKS", "apply_pack", "fits", "pack_rules"]
