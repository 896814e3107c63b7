"""The closed set of security events, in the words of the OWASP logging vocabulary.

A closed set keeps the `security_events_total{event}` counter bounded and lets every event exist at
zero before it first happens.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from enum import IntEnum
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["LEVELS", "EventName", "FieldValue", "Level", "SecurityEvent"]

FieldValue = str | int | float | bool | None


class Level(IntEnum):
    """How much an event matters; the numbers are those of the `logging` module."""

    INFO = 20
    WARN = 30
    CRITICAL = 50


EventName = Literal[
    "authn_login_success",
    "authn_login_successafterfail",
    "authn_login_fail",
    "authn_login_fail_max",
    "authn_login_lock",
    "authn_password_change",
    "authn_password_change_fail",
    "authn_impossible_travel",
    "authn_token_created",
    "authn_token_revoked",
    "authn_token_reuse",
    "authn_token_delete",
    "authz_fail",
    "authz_change",
    "authz_admin",
    "crypt_decrypt_fail",
    "crypt_encrypt_fail",
    "excess_rate_limit_exceeded",
    "upload_complete",
    "upload_stored",
    "upload_validation",
    "upload_delete",
    "input_validation_fail",
    "input_validation_discrete_fail",
    "malicious_excess_404",
    "malicious_extraneous",
    "malicious_attack_tool",
    "malicious_cors",
    "malicious_direct_reference",
    "privilege_permissions_changed",
    "sensitive_create",
    "sensitive_read",
    "sensitive_update",
    "sensitive_delete",
    "sequence_fail",
    "session_created",
    "session_renewed",
    "session_expired",
    "session_use_after_expire",
    "sys_startup",
    "sys_shutdown",
    "sys_restart",
    "sys_crash",
    "sys_monitor_disabled",
    "sys_monitor_enabled",
    "user_created",
    "user_updated",
    "user_archived",
    "user_deleted",
]

LEVELS: dict[EventName, Level] = {
    "authn_login_success": Level.INFO,
    "authn_login_successafterfail": Level.INFO,
    "authn_login_fail": Level.WARN,
    "authn_login_fail_max": Level.WARN,
    "authn_login_lock": Level.WARN,
    "authn_password_change": Level.INFO,
    "authn_password_change_fail": Level.CRITICAL,
    "authn_impossible_travel": Level.CRITICAL,
    "authn_token_created": Level.INFO,
    "authn_token_revoked": Level.INFO,
    "authn_token_reuse": Level.CRITICAL,
    "authn_token_delete": Level.WARN,
    "authz_fail": Level.CRITICAL,
    "authz_change": Level.WARN,
    "authz_admin": Level.WARN,
    "crypt_decrypt_fail": Level.WARN,
    "crypt_encrypt_fail": Level.WARN,
    "excess_rate_limit_exceeded": Level.WARN,
    "upload_complete": Level.INFO,
    "upload_stored": Level.INFO,
    # The vocabulary leaves this one to the outcome; INFO unless the caller says otherwise.
    "upload_validation": Level.INFO,
    "upload_delete": Level.INFO,
    "input_validation_fail": Level.WARN,
    "input_validation_discrete_fail": Level.WARN,
    "malicious_excess_404": Level.WARN,
    "malicious_extraneous": Level.CRITICAL,
    "malicious_attack_tool": Level.CRITICAL,
    "malicious_cors": Level.CRITICAL,
    "malicious_direct_reference": Level.CRITICAL,
    "privilege_permissions_changed": Level.WARN,
    "sensitive_create": Level.WARN,
    "sensitive_read": Level.WARN,
    "sensitive_update": Level.WARN,
    "sensitive_delete": Level.WARN,
    "sequence_fail": Level.CRITICAL,
    "session_created": Level.INFO,
    "session_renewed": Level.INFO,
    "session_expired": Level.INFO,
    "session_use_after_expire": Level.CRITICAL,
    "sys_startup": Level.WARN,
    "sys_shutdown": Level.WARN,
    "sys_restart": Level.WARN,
    "sys_crash": Level.WARN,
    "sys_monitor_disabled": Level.WARN,
    "sys_monitor_enabled": Level.WARN,
    "user_created": Level.WARN,
    "user_updated": Level.WARN,
    "user_archived": Level.WARN,
    "user_deleted": Level.WARN,
}


@dataclass(frozen=True, slots=True)
class SecurityEvent:
    """One thing that happened, and who did it."""

    time: float
    """Seconds since 1970 UTC."""

    event: EventName
    """The name from the vocabulary."""

    level: Level
    """How much it matters."""

    user: str | None = None
    """The user as the application names them; attacker-chosen on a failed login."""

    client: str | None = None
    """The client address, after trusted proxies."""

    method: str | None = None
    """The request's method."""

    route: str | None = None
    """The route template, never the raw path."""

    status: int | None = None
    """The response's status; absent outside a request."""

    request_id: str | None = None
    """One value for all the events of a request."""

    description: str | None = None
    """A sentence for people."""

    fields: Mapping[str, FieldValue] = field(default_factory=dict)
    """What else the application wants on the line."""

    def __post_init__(self) -> None:
        if self.event not in LEVELS:
            raise ValueError(
                f"unknown security event {self.event!r}\nhint: use a name from tocsin_sdk.EventName"
            )
        if not math.isfinite(self.time):
            raise ValueError(f"the time of an event must be finite, got {self.time!r}")
