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
from tocsin.packs._except import excepted_rules, without_alarms

__all__ = [
    "PACKS",
    "RULE_FILES",
    "apply_pack",
    "excepted_rules",
    "fits",
    "pack_alarms",
    "pack_rules",
    "shipped_rules",
    "without_alarms",
]
