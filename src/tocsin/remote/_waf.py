"""IP sets of AWS WAF: read, judged together, then each replaced in one call.

Source: AWS WAF API reference, `GetIPSet` and `UpdateIPSet`: an update replaces the whole set and
needs the token of what was read; WAFOptimisticLockException says that somebody else was faster.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tocsin.errors import DeliveryError, ParseError
from tocsin.printable import printable
from tocsin.respond import plan_ip_set

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from tocsin.respond import Decision, IpSet, IpSetPlan, Network

__all__ = ["WafSets", "waf_client"]

_ATTEMPTS = 8
_VERSIONS = {"IPV4": 4, "IPV6": 6}


@dataclass(frozen=True, slots=True)
class _Held:
    """What a set holds, with the token that an update needs."""

    version: int
    ranges: list[str]
    description: str
    token: str


def waf_client(region: str) -> Any:
    """A client with the credentials that the AWS command line would use. Raises ParseError."""
    try:
        import boto3  # noqa: PLC0415 - an extra
    except ImportError:
        raise ParseError("AWS WAF needs boto3", hint="pip install 'tocsin[aws]'") from None
    return boto3.client("wafv2", region_name=region)


class WafSets:
    """One set of each family at most. A set is owned whole."""

    def __init__(
        self,
        sets: Sequence[IpSet],
        client: Callable[[str], Any],
        pause: Callable[[int], None],
        *,
        take_over: bool = False,
    ) -> None:
        """`client` makes one for a region; `pause` waits before the nth new attempt, from 0.

        Without `take_over` a set that holds what the record never blocked is left alone.
        """
        clients = {region: client(region) for region in sorted({each.region for each in sets})}
        self._sets = [(each, clients[each.region]) for each in sets]
        self._pause = pause
        self._take_over = take_over

    def plans(
        self, blocked: Sequence[tuple[Network, Decision]], is_ours: Callable[[Network], bool]
    ) -> list[tuple[IpSet, IpSetPlan]]:
        """What would change. Raises DeliveryError, and ParseError for sets that don't go together.

        A set with foreign entries is no error here: the plan names them.
        """
        found: list[tuple[IpSet, IpSetPlan]] = []
        for ip_set, client in self._sets:
            held = self._get(ip_set, client)
            if held.version in {plan.version for _, plan in found}:
                raise ParseError(
                    f"two sets of IPv{held.version}: {ip_set.arn}",
                    hint="one of IPv4 and one of IPv6",
                )
            found.append((ip_set, plan_ip_set(held.version, held.ranges, blocked, is_ours)))
        return found

    def put(
        self, blocked: Sequence[tuple[Network, Decision]], is_ours: Callable[[Network], bool]
    ) -> list[tuple[IpSet, IpSetPlan]]:
        """Make the sets what the record says; what changed.

        Every set is read and judged before any is written, and each is replaced whole or not at
        all. Raises DeliveryError, which says what was done before it.
        """
        for ip_set, plan in self.plans(blocked, is_ours):
            self._refuse_foreign(ip_set, plan)
        done: list[tuple[IpSet, IpSetPlan]] = []
        for ip_set, client in self._sets:
            try:
                done.append((ip_set, self._replace(ip_set, client, blocked, is_ours)))
            except DeliveryError as error:
                named = ", ".join(each.name for each, _ in done)
                raise DeliveryError(
                    error.what, hint=f"in place already: {named}" if named else error.hint
                ) from None
        return done

    def _replace(
        self, ip_set: IpSet, client: Any, blocked: Sequence[tuple[Network, Decision]],
        is_ours: Callable[[Network], bool],
    ) -> IpSetPlan:  # fmt: skip
        """Read, judge and write one set, anew where somebody wrote in between."""
        for attempt in range(_ATTEMPTS):
            held = self._get(ip_set, client)
            plan = plan_ip_set(held.version, held.ranges, blocked, is_ours)
            self._refuse_foreign(ip_set, plan)
            if not plan.changes or self._update(ip_set, client, held, plan):
                return plan
            self._pause(attempt)
        raise DeliveryError(
            f"{ip_set.name}: somebody else wrote it each of {_ATTEMPTS} times",
            hint="a set that Tocsin writes is nobody else's",
        )

    def _refuse_foreign(self, ip_set: IpSet, plan: IpSetPlan) -> None:
        if plan.foreign and not self._take_over:
            shown = ", ".join(printable(each, 60) for each in plan.foreign[:5])
            more = f" and {len(plan.foreign) - 5} more" if len(plan.foreign) > 5 else ""
            raise DeliveryError(
                f"{ip_set.name} holds what was never blocked here: {shown}{more}",
                hint="nothing was written; give a set of its own, or --take-over to remove them",
            )

    def _get(self, ip_set: IpSet, client: Any) -> _Held:
        answer = self._ask(ip_set, client.get_ip_set)
        found = answer["IPSet"]
        version = _VERSIONS[found["IPAddressVersion"]]
        described = found.get("Description") or ""
        return _Held(version, list(found["Addresses"]), described, answer["LockToken"])

    def _update(self, ip_set: IpSet, client: Any, held: _Held, plan: IpSetPlan) -> bool:
        """Whether it was written; not where the token is old."""
        # What is left out of an update is taken from the set.
        more = {"Description": held.description} if held.description else {}
        try:
            self._ask(
                ip_set, client.update_ip_set, Addresses=list(plan.ranges),
                LockToken=held.token, **more,
            )  # fmt: skip
        except _StaleError:
            return False
        return True

    @staticmethod
    def _ask(ip_set: IpSet, call: Callable[..., Any], **more: Any) -> Any:
        from botocore.exceptions import BotoCoreError, ClientError  # noqa: PLC0415 - an extra

        try:
            return call(Name=ip_set.name, Scope=ip_set.scope, Id=ip_set.identity, **more)
        except ClientError as error:
            if error.response.get("Error", {}).get("Code") == "WAFOptimisticLockException":
                raise _StaleError from None
            raise DeliveryError(f"{ip_set.name}: {printable(str(error), 500)}") from None
        except BotoCoreError as error:
            raise DeliveryError(f"{ip_set.name}: {printable(str(error), 500)}") from None


class _StaleError(Exception):
    """The set is no longer what was read."""
