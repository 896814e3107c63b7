"""Blocks in the words of what enforces them. Same decisions, same bytes.

Sources: nginx documentation, `ngx_http_access_module` and `ngx_http_geo_module`; nft(8), "SETS" and
"ATOMIC" loading of a file; fail2ban-client(1), `set <JAIL> banip`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tocsin.durations import SECOND

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from tocsin.respond._decisions import Decision
    from tocsin.respond._safeguards import Network

__all__ = ["EXPORTS", "export"]

Blocked = "Sequence[tuple[Network, Decision]]"


def export(form: str, blocked: Sequence[tuple[Network, Decision]], now: int) -> str:
    """The text for an enforcer; `form` is one of EXPORTS."""
    return EXPORTS[form](blocked, now)


def _plain(blocked: Sequence[tuple[Network, Decision]], _now: int) -> str:
    return "".join(f"{network}\n" for network, _ in blocked)


def _nginx_deny(blocked: Sequence[tuple[Network, Decision]], _now: int) -> str:
    return "".join(f"deny {network};\n" for network, _ in blocked)


def _nginx_geo(blocked: Sequence[tuple[Network, Decision]], _now: int) -> str:
    lines = "".join(f"    {network} 1;\n" for network, _ in blocked)
    return f"geo $tocsin_blocked {{\n    default 0;\n{lines}}}\n"


def _nftables(blocked: Sequence[tuple[Network, Decision]], now: int) -> str:
    """Two sets of our own, emptied and filled in one transaction; entries expire by themselves."""
    parts = ["table inet tocsin {}\n"]
    for version, name, kind in ((4, "blocked4", "ipv4_addr"), (6, "blocked6", "ipv6_addr")):
        flags = "flags interval, timeout; auto-merge;"
        parts.append(f"add set inet tocsin {name} {{ type {kind}; {flags} }}\n")
        parts.append(f"flush set inet tocsin {name}\n")
        entries = [
            f"{network} timeout {max(1, (decision.expires - now) // SECOND)}s"
            for network, decision in blocked
            if network.version == version
        ]
        if entries:
            listed = ",\n    ".join(entries)
            parts.append(f"add element inet tocsin {name} {{\n    {listed}\n}}\n")
    return "".join(parts)


def _fail2ban(blocked: Sequence[tuple[Network, Decision]], _now: int) -> str:
    return "".join(f"fail2ban-client set tocsin banip {network}\n" for network, _ in blocked)


EXPORTS: dict[str, Callable[[Sequence[tuple[Network, Decision]], int], str]] = {
    "plain": _plain,
    "nginx-deny": _nginx_deny,
    "nginx-geo": _nginx_geo,
    "nftables": _nftables,
    "fail2ban": _fail2ban,
}
