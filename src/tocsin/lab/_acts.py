"""The four acts of the demo: instrument, detect, notify, prove."""

from __future__ import annotations

import asyncio
import glob
import json
import shutil
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from tocsin.lab._stage import Missed

if TYPE_CHECKING:
    from tocsin.lab._stage import Stage

__all__ = ["RULES", "Settings", "Written", "play"]

RULES = Path(__file__).with_name("rules") / "security.yml"
"""The lab's rule file; in a checkout a link to `examples/lab/rules`."""


@dataclass(frozen=True, slots=True)
class Settings:
    """What to run, and how long each step may take in seconds."""

    rules: Path = RULES
    evidence: Path = Path("evidence")
    alerts: tuple[str, ...] = ("ExcessiveLoginFailures", "LoginLatencyAboveObjective")
    """The alerts that must fire and arrive; the first one for the guessing."""
    ready: float = 25.0
    calm: float = 8.0
    """Ordinary traffic before the attack."""
    pending: float = 20.0
    firing: float = 75.0
    notified: float = 5.0
    prove: float = 15.0
    whole: float = 118.0
    """All of it."""


@dataclass(frozen=True, slots=True)
class Written:
    """An evidence file, as the command says."""

    path: str
    state: str
    sha256: str
    why: str


async def play(stage: Stage, settings: Settings) -> tuple[str, list[Written]]:
    """From nothing to evidence; the application's address and the files. Raises Missed."""
    story = stage.story
    story.enter("instrument")
    app = await _instrument(stage, settings)
    story.enter("detect")
    await _detect(stage, settings, app)
    story.enter("notify")
    story.doing = "The rules fire: waiting for the webhook"
    await stage.until(
        f"the webhook receives {' and '.join(settings.alerts)}",
        lambda: all(stage.webhook.firing(name) for name in settings.alerts),
        settings.notified,
    )
    story.enter("prove")
    story.doing = "Collecting the evidence of the day"
    written = await _prove(stage, settings)
    story.doing = "Sealing a copy of it with a throwaway key, and verifying that"
    await _seal_copy(stage, settings, written)
    story.enter("")
    story.doing = "Seen, told, and written down"
    story.over = True
    await stage.look()
    return app, written


async def _instrument(stage: Stage, settings: Settings) -> str:
    stage.story.doing = "Starting an application with a login, and Tocsin beside it"
    listening = r"listening on (\S+)\n"
    child = stage.start_needed(
        "app", "tocsin.lab.app", "--port", "0", "--event-log", str(stage.folder / "events.jsonl")
    )
    await stage.until(
        "the application listens", lambda: bool(child.said(listening)), settings.ready
    )
    app = child.said(listening)
    config = stage.folder / "tocsin.yaml"
    config.write_text(json.dumps(_config(stage, settings, app), indent=2))
    daemon = stage.start_needed("tocsin", "tocsin.cli", "run", "--config", str(config))
    serving = r"API on (http://\S+)\n"
    await stage.until("the daemon listens", lambda: bool(daemon.said(serving)), settings.ready)
    stage.watch(daemon.said(serving))
    stage.visit("traffic", app, rate=4, seconds=600)
    stage.story.doing = "Ordinary traffic: twenty users log in, some mistype"
    calm = time.time() + settings.calm
    await stage.until(
        "the application is scraped and its logins are counted",
        lambda: stage.snapshot.all_up and bool(stage.snapshot.rate) and time.time() >= calm,
        settings.ready + settings.calm,
    )
    return app


def _config(stage: Stage, settings: Settings, app: str) -> dict[str, object]:
    """JSON is YAML; free ports everywhere, so that no other daemon is disturbed."""
    return {
        "scrape": [{"job": "login", "targets": [app], "interval": "1s"}],
        "rules": [glob.escape(str(settings.rules.resolve()))],
        "receivers": [{"name": "demo", "webhook": {"url": stage.webhook.url}}],
        "listen": "127.0.0.1:0",
        "storage": {"folder": "state"},
    }


async def _detect(stage: Stage, settings: Settings, app: str) -> None:
    story = stage.story
    story.attack = time.time()
    story.doing = "Attack: one account is guessed at, and answers are slowed down"
    attackers = [
        stage.visit("brute-force", app, rate=3, seconds=30),
        stage.visit("slow-down", app, rate=2, seconds=40),
    ]
    first = settings.alerts[:1]
    await stage.until(
        f"{first[0]} is pending",
        lambda: stage.in_state(first, "pending", "firing"),
        settings.pending,
    )
    story.doing = "Attack: leaked passwords from many addresses, one try each"
    attackers.append(stage.visit("stuffing", app, rate=2, seconds=20))
    names = " and ".join(settings.alerts)
    await stage.until(
        "the attackers have ended, or the rules fire",
        lambda: (
            all(child.ended for child in attackers) or stage.in_state(settings.alerts, "firing")
        ),
        settings.firing,
    )
    story.doing = "The attack is over: the rules wait for what their `for` says, then fire"
    await stage.until(
        f"{names} are firing", lambda: stage.in_state(settings.alerts, "firing"), settings.firing
    )
    for child in attackers:
        if child.process.poll() != 0:
            code = child.process.returncode
            raise Missed(f"{child.name} reaches the application and ends", f"exit code {code}")


async def _prove(stage: Stage, settings: Settings) -> list[Written]:
    # The day of the attack, also where midnight has passed since.
    day = datetime.fromtimestamp(stage.story.attack, UTC).date().isoformat()
    child = stage.children.start(
        "evidence", "tocsin.cli", "evidence", "collect", "--prometheus", stage.story.url,
        "--day", day,
        "--folder", str(settings.evidence), "--format", "json",
    )  # fmt: skip
    await stage.until("`tocsin evidence collect` ends", lambda: child.ended, settings.prove)
    if child.process.returncode != 0:
        raise Missed("`tocsin evidence collect` ends with 0", child.log.read_text()[-500:])
    written = [
        Written(each["file"], each["state"], each["sha256"], each["reasons"][0])
        for each in json.loads(child.output.read_text())
    ]
    states = {Path(each.path).name.split(".")[0]: each.state for each in written}
    if len(states) != 4 or "not-run" in states.values():
        raise Missed("four records, for which everything could be asked", f"{states}")
    if states.get("security-monitoring") != "exception":
        raise Missed("the alerts are in the record of security-monitoring", f"{states}")
    return written


async def _seal_copy(stage: Stage, settings: Settings, written: list[Written]) -> None:
    """In the demo's own folder, so that nothing becomes the first day of anybody's chain."""
    folder = Path(written[0].path).parent
    copy, key = stage.folder / "sealed", stage.folder / "throwaway.key"
    shutil.copytree(folder, copy / folder.name)
    config = str(stage.folder / "tocsin.yaml")
    day = ("seal", folder.name, "--early", "--folder", str(copy), "--key", str(key))
    said = ""
    for name, arguments, codes in (
        ("key", ("key", "--name", "demo@lab", "--file", str(key)), {0}),
        ("seal", (*day, "--config", config), {0}),
        ("verify", ("verify", str(copy), "--key", f"{key}.pub"), {0, 5}),
    ):
        child = stage.children.start(name, "tocsin.cli", "evidence", *arguments)
        await stage.look()
        deadline = time.time() + settings.prove
        while not child.ended and time.time() < deadline:
            await asyncio.sleep(0.05)
        if child.process.returncode not in codes:
            raise Missed(f"`tocsin evidence {name}` ends well", child.log.read_text()[-500:])
        said = child.output.read_text()
    stage.sealed = tuple(said.splitlines())
