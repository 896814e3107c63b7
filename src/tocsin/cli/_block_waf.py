"""`tocsin block export --waf`: what is blocked, as IP sets of AWS WAF."""

from __future__ import annotations

import random
import time
from typing import TYPE_CHECKING

import click

from tocsin.cli._exit import ExitCode
from tocsin.printable import printable
from tocsin.remote import WafSets, waf_client
from tocsin.respond import read_ip_set

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tocsin.respond import Blocks, IpSetPlan

__all__ = ["export_to_waf"]


def export_to_waf(
    arns: Iterable[str], blocks: Blocks, now: int, *, take_over: bool, dry_run: bool
) -> int:
    """Make the sets what the record says, or show what that would change.

    Raises ParseError and DeliveryError.
    """
    sets = WafSets([read_ip_set(each) for each in arns], waf_client, _pause, take_over=take_over)
    blocked = blocks.blocked(now)
    done = (sets.plans if dry_run else sets.put)(blocked, blocks.was_blocked)
    for ip_set, plan in done:
        _show(ip_set.name, plan)
    if dry_run and not take_over and any(plan.foreign for _, plan in done):
        click.echo("refused without --take-over: a set holds what was never blocked here", err=True)
        return ExitCode.FAILED
    families = {plan.version for _, plan in done}
    homeless = sum(network.version not in families for network, _ in blocked)
    if homeless:
        click.echo(
            f"{homeless} blocked without a set of their family: give another --waf", err=True
        )
    unfit = sum(len(plan.unfit) for _, plan in done)
    return ExitCode.FAILED if homeless or unfit else ExitCode.OK


def _show(name: str, plan: IpSetPlan) -> None:
    """The exact difference on standard output, what did not fit on standard error."""
    for each in plan.removed:
        what = "  not blocked here" if each in plan.foreign else ""
        click.echo(f"{name} -{printable(each, 60)}{what}")
    for each in plan.added:
        click.echo(f"{name} +{each}")
    for network in plan.unfit:
        click.echo(f"{name}: no place for {network}", err=True)
    unfit = f", {len(plan.unfit)} without a place" if plan.unfit else ""
    click.echo(f"{name}: {len(plan.ranges)} of IPv{plan.version}{unfit}", err=True)


def _pause(attempt: int) -> None:
    time.sleep(random.random() * 0.1 * 2**attempt)  # noqa: S311 - only to keep writers apart
