"""What holds for the whole repository: generated pages, module sizes, no addresses."""

from __future__ import annotations

import re
import subprocess

import pytest

from tests.conftest import ROOT
from tests.docs import PAGES, REFERENCE

HOSTS = re.compile(r"(pypi|pythonhosted|npmjs|docker)\.(org|io|com)", re.IGNORECASE)


def tracked():
    done = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True)
    if done.returncode:
        pytest.skip("not a git checkout")
    return [ROOT / name for name in done.stdout.split("\0") if name and (ROOT / name).is_file()]


@pytest.mark.parametrize("name", PAGES)
def test_a_reference_page_is_what_the_code_says(name):
    assert (REFERENCE / name).read_text() == PAGES[name](), "run `make docs`"


def test_no_module_is_longer_than_600_lines():
    long = {
        str(path.relative_to(ROOT)): count
        for path in tracked()
        if path.suffix == ".py" and (count := path.read_text().count("\n")) > 600
    }
    assert long == {}


def test_no_file_names_a_registry():
    naming = [
        str(path.relative_to(ROOT))
        for path in tracked()
        if path.suffix != ".png" and path.name != "test_house.py"
        and HOSTS.search(path.read_text(errors="replace"))
    ]  # fmt: skip
    assert naming == []


def test_every_link_between_pages_leads_somewhere():
    broken = []
    for page in tracked():
        if page.suffix != ".md":
            continue
        for target in re.findall(r"\]\(([^)#:]+?)(?:#[^)]*)?\)", page.read_text()):
            if not (page.parent / target).exists():
                broken.append(f"{page.relative_to(ROOT)}: {target}")
    assert broken == []
