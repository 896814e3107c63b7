"""What several test packages share: the data folder, the referees, a free port."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest
from hypothesis import settings

# How long an example takes says nothing: other work on the machine makes it slower.
settings.register_profile("tocsin", deadline=None)
settings.load_profile("tocsin")

ROOT = Path(__file__).resolve().parent.parent
DATA = Path(os.environ.get("TOCSIN_DATA", ROOT.parent / "shared" / "data"))


def pytest_addoption(parser):
    parser.addoption("--soak", action="store_true", help="run the long campaigns at full length")


def pytest_configure(config):
    if config.getoption("--soak"):
        # Read where a test says how many examples it makes, before any fixture is there.
        os.environ["TOCSIN_SOAK"] = "1"


def pytest_collection_modifyitems(items):
    # One that begins last would have everybody wait for it.
    items.sort(key=lambda item: item.get_closest_marker("slow") is None)


@pytest.fixture(scope="session")
def soak(request) -> bool:
    return bool(request.config.getoption("--soak"))


@pytest.fixture(scope="session")
def data() -> Path:
    if not DATA.is_dir():
        pytest.skip(f"the shared test data is absent: {DATA} (set TOCSIN_DATA)")
    return DATA


@pytest.fixture(scope="session")
def promtool() -> str:
    found = shutil.which("promtool")
    if found is None:
        pytest.skip("promtool is not installed: apt-get install prometheus")
    return found
