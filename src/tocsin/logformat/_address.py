"""Client addresses out of free text, never a forged one.

Rule: addresses come only from places that trusted software writes; what a stranger can write
(a user name, a referrer) may stand before and after. Where a text could be read in two ways
there is no address (reliability notes, A2 rule 10 and A3, log injection). Servers cut long
messages off, and whoever makes a message long chooses where: what stands at the end of one
may be a part of an address, or be a stranger's text that stood before the address.
"""

from __future__ import annotations

import re
from functools import lru_cache
from ipaddress import IPv6Address, ip_address

__all__ = ["address", "nginx_client", "peer_address", "sshd_client"]

_BRACKETS = re.compile(r"\[([^\]]+)\](?::\d{1,5})?")
_V4_PORT = re.compile(r"([\d.]{7,15}):\d{1,5}")
_PORT = re.compile(r"[1-9]\d{0,4}", re.ASCII)
# The server always stands behind the client; without it the address may be cut off.
_NGINX = re.compile(rb", client: ([^\s,]+)(, server: )?")
# Messages before whose client there is nothing that a stranger could write a client into: a user
# name of the basic scheme has no colon, and a zone is named by the configuration.
_NGINX_OWN = re.compile(
    rb'(?:user "[^:]*"(?:: password mismatch| was not found in "[^":]*")|access forbidden by rule|'
    rb"no user/password was provided for basic authentication|"
    rb"client intended to send too large body: \d+ bytes|"
    rb'(?:limiting|delaying) [^":]*(?:: [\d.]+)?,? by zone "[^"]*"), client: ([^\s,]+),'
)
NGINX_FULL = 2047
"""Bytes of the longest line of nginx, without its line end: the rest may have been cut off.

Source: nginx, ngx_log.c (`ngx_log_error_core`), ngx_log.h (`NGX_MAX_ERROR_STR`).
"""
_SSHD_FULL = 500
"""Bytes of the longest message of sshd (OpenSSH, log.c, `do_log`)."""
# After these words sshd itself writes the address; what follows may be the peer's own text.
_SSHD_FIRST = re.compile(
    rb"(?:error: )?(?:(?:Received disconnect|Disconnected|Did not receive identification string|"
    rb"Connection|reverse mapping checking"
    rb"[^\[]*\[[^\]]*\]|ROOT LOGIN REFUSED) (?i:from|closed by|reset by)|"
    rb"Connection (?:closed|reset) by) ([0-9A-Fa-f:.]{2,46})(?::? |$)"
)
_SSHD_LAST = re.compile(
    rb"(?:Connection (?:closed|reset) by|Disconnected from|Disconnecting)"
    rb" (?:authenticating|invalid) user (?:.* )?([0-9A-Fa-f:.]{2,45}) port \d+(?: \[preauth\])?"
)
_SSHD_PROTOCOL = re.compile(
    rb"(?:error: )?Bad protocol version identification '.*' from ([0-9A-Fa-f:.]{2,45})"
    rb"(?: port \d{1,5})?\s*"
)
_SSHD_FROM = re.compile(
    rb"(?:error: )?(?:Failed|Accepted|Invalid user|Postponed|maximum authentication attempts|"
    rb"User |PAM: )"
)
_FROM = re.compile(rb" from (?=(\S+))")
_PAM = re.compile(
    rb"(?:pam_unix\(sshd:auth\): authentication failure|PAM \d+ more [^;]*); "
    rb"logname=\S* uid=\d* euid=\d* tty=ssh ruser=\S* rhost=(\S+)"
    rb"(?=  user=|\s*$| \[preauth\])"
)


@lru_cache(maxsize=65_536)
def address(text: str) -> str | None:
    """An IP address in its usual spelling, without brackets and port; None if it is none."""
    if match := _BRACKETS.fullmatch(text) or _V4_PORT.fullmatch(text):
        text = match[1]
    if len(text) > 45:
        return None
    try:
        found = ip_address(text)
    except ValueError:
        return None
    mapped = found.ipv4_mapped if isinstance(found, IPv6Address) else None
    return str(mapped or found)


def peer_address(text: str) -> str | None:
    """The address of a peer with its port, as Apache 2.4 writes it: IPv6 has no brackets there.

    Source: Apache httpd, server/log.c (`log_remote_address`).
    """
    head, _, port = text.rpartition(":")
    if ":" in head and "]" not in text and _PORT.fullmatch(port) and int(port) <= 65_535:
        found = address(head)
        if found is not None:
            return found
    return address(text)


def nginx_client(message: bytes, *, full: bool) -> str | None:
    """The client of an nginx error, unless the message names two.

    Of a line that is `full` the end may be missing.
    """
    if not full:
        found = _NGINX.findall(message)
        return _only([client for client, _ in found]) if all(end for _, end in found) else None
    match = _NGINX_OWN.match(message[:NGINX_FULL])
    return address(match[1].decode("ascii", "replace")) if match else None


def sshd_client(message: bytes) -> str | None:
    """The peer of a message of the OpenSSH server, unless a user name could be it."""
    match = _SSHD_FIRST.match(message)
    if match is None and len(message) >= _SSHD_FULL:
        return None
    match = match or _SSHD_LAST.fullmatch(message) or _SSHD_PROTOCOL.fullmatch(message)
    if match:
        return address(match[1].rstrip(b":").decode("ascii"))
    if _SSHD_FROM.match(message):
        return _only(_FROM.findall(message))
    match = _PAM.match(message)
    return address(match[1].decode("ascii", "replace")) if match else None


def _only(found: list[bytes]) -> str | None:
    first = found[0] if found else b""
    if not first or any(each != first for each in found):
        return None
    return address(first.decode("ascii", "replace"))
