"""Ready filters, alarms, Sigma rules, correlations and rule files, shipped with Tocsin."""

from tocsin.packs._apply import (
    PACKS,
    RULE_FILES,
    apply_pack,
    fits,
    pack_alarms,
    pack_rules,
    shipped_rules,
)

__all__ = [
    "PACKS",
    "RULE_FILES",
    "apply_pack",
    "fits",
    "pack_alarms",
    "pack_rules",
    "shipped_rules",
]
