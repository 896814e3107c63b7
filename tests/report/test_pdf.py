"""The report on paper: every picture is there, nothing is fetched, the same bytes twice."""

from __future__ import annotations

import base64
import re
import subprocess
import sys
from shutil import which

import pytest

from tests.evidence.answering import answering
from tests.report.days import put, record
from tests.report.test_page import evil, evil_entries, evil_facts, evil_files  # noqa: F401
from tests.seal.chains import names
from tocsin.cli._pdf import make_pdf
from tocsin.cli._periods import load_period
from tocsin.report import STATES, Checked, paper_page, report_page

DAY, NEXT, LAST = names(3)


def test_each_day_has_a_picture_with_its_state_in_words(evil):  # noqa: F811
    period = load_period(evil, None, None)
    page = report_page(period, Checked("", None))
    paper = paper_page(page)
    pictures = re.findall(
        r'<img[^>]* alt="([^"]*)" src="data:image/svg\+xml;base64,([^"]+)">', paper
    )
    shown = [words for words, _ in pictures if words]
    assert len(shown) == len(period.cells)
    assert len({data for _, data in pictures}) == len(STATES)
    for _, data in pictures:
        assert base64.b64decode(data).startswith(b"<svg xmlns=")
    for inside in ("<use ", "<symbol ", "url(#"):
        assert inside not in paper.replace(".hatched { fill: url(#hatch); }", "")
    # The words are those of the page.
    strip = lambda text: re.sub(r"<style>.*?</style>|<[^>]+>", "", text, flags=re.DOTALL)  # noqa: E731
    titles = re.sub(r"<title>[^<]*</title>(?=<use)", "", page.decode())
    assert strip(titles) == strip(paper)


def write(root, folder, name):
    done = subprocess.run(
        [sys.executable, "-m", "tocsin.cli", "evidence", "report", str(root), "--output",
         str(folder / "r.html"), "--pdf", str(folder / name)],
        cwd=folder, capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == [str(folder / "r.html"), str(folder / name)]
    return (folder / name).read_bytes()


@pytest.fixture
def weasyprint():
    try:
        import weasyprint  # noqa: F401, PLC0415
    except OSError as error:
        pytest.skip(f"pango is not installed: {error}")


@pytest.mark.usefixtures("weasyprint")
def test_the_same_days_make_the_same_pdf_and_its_text_is_the_pages(tmp_path):
    states = {DAY: "operated", NEXT: "exception", LAST: "no-data"}
    root = put(tmp_path / "evidence", 3, lambda d: {"alpha.json": record("alpha", d, states[d])})
    first, second = write(root, tmp_path, "a.pdf"), write(root, tmp_path, "b.pdf")
    assert first == second
    assert first.startswith(b"%PDF-")
    if which("pdftotext"):
        text = subprocess.run(
            ["pdftotext", "a.pdf", "-"], cwd=tmp_path, capture_output=True, text=True
        )
        assert "Exceptions and what became of them" in text.stdout
        assert "ssh-keygen -Y verify" in text.stdout


@pytest.mark.usefixtures("weasyprint")
def test_nothing_is_fetched_for_it(tmp_path):
    asked = []

    def answer(_posted):
        asked.append(1)
        return b"<svg/>"

    (tmp_path / "x.svg").write_text("<svg xmlns='http://www.w3.org/2000/svg'/>")
    with answering(answer) as url:
        made = make_pdf(f'<img src="{url}/x.svg"><img src="{(tmp_path / "x.svg").as_uri()}">')
    assert made.startswith(b"%PDF-")
    assert asked == []


def test_without_the_extra_the_error_says_how_to_get_it(tmp_path):
    root = put(tmp_path / "evidence", 1)
    words = ["evidence", "report", str(root), "--output", "r.html", "--pdf", "r.pdf"]
    code = (
        "import sys; sys.modules['weasyprint'] = None\n"
        f"sys.argv[1:] = {words!r}\nfrom tocsin.cli import main; main()"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 2, done.stderr
    assert "hint: pip install 'tocsin[pdf]'" in done.stderr
    assert not (tmp_path / "r.html").exists()
