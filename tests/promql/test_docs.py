"""The reference page says what the code does.

`python -m tests.promql.test_docs` writes the generated parts of the page anew.
"""

from __future__ import annotations

import re

import pytest

from tests.conformance.promql import count, run_folder
from tests.promql.test_conformance import DATA, MISSING, ROOT
from tocsin.promql._aggregate import AGGREGATIONS
from tocsin.promql._binary import ARITHMETIC, COMPARISONS, SETS
from tocsin.promql._functions import FUNCTIONS, REFUSED

PAGE = ROOT / "docs/reference/promql.md"
_PART = r"(<!-- {0}:begin -->\n)(.*?)(<!-- {0}:end -->)"


def _from_code() -> dict[str, list[str]]:
    def words(operators):
        return ", ".join(f"`{each}`" for each in operators)

    return {
        "refused": [f"| `{name}()` | {why} |" for name, why in sorted(REFUSED.items())],
        "operators": [
            "| kind | operators |",
            "| --- | --- |",
            f"| arithmetic | {words(ARITHMETIC)} |",
            f"| comparison | {words(COMPARISONS)} |",
            f"| set | {words(sorted(SETS))} |",
        ],
        "aggregations": [
            "| aggregation | what it gives |",
            "| --- | --- |",
            *(f"| `{name}` | {what} |" for name, what in sorted(AGGREGATIONS.items())),
        ],
        "functions": [
            "| function | note |",
            "| --- | --- |",
            *(f"| `{each.usage}` | {each.note} |" for _, each in sorted(FUNCTIONS.items())),
        ],
    }


def _from_data() -> dict[str, list[str]]:
    summary = ["| file | passed | failed | refused |", "| --- | --- | --- | --- |"]
    listing = ["| file | state | reason | lines |", "| --- | --- | --- | --- |"]
    total: dict[str, int] = {}
    for path, cases in run_folder(DATA).items():
        tally = count(cases)
        for state, number in tally.items():
            total[state] = total.get(state, 0) + number
        summary.append(f"| {path.stem} | " + " | ".join(map(str, tally.values())) + " |")
        missed: dict[tuple[str, str], list[int]] = {}
        for case in cases:
            if case.state != "passed":
                missed.setdefault((case.state, case.reason), []).append(case.line)
        for (state, reason), lines in missed.items():
            where = ", ".join(map(str, lines))
            listing.append(f"| {path.stem} | {state} | {reason} | {where} |")
    summary.append("| all | " + " | ".join(map(str, total.values())) + " |")
    return {"conformance": summary, "cases": listing}


def _part_of(page: str, name: str) -> str:
    match = re.search(_PART.format(name), page, re.DOTALL)
    assert match, f"the page has no part named {name}"
    return match[2]


@pytest.mark.parametrize("name", sorted(_from_code()))
def test_the_page_lists_what_the_code_has(name):
    expected = "".join(f"{line}\n" for line in _from_code()[name])
    assert _part_of(PAGE.read_text(), name) == expected


@pytest.mark.skipif(not DATA.is_dir(), reason=MISSING)
def test_the_page_lists_every_case_that_does_not_pass():
    page = PAGE.read_text()
    for name, lines in _from_data().items():
        assert _part_of(page, name) == "".join(f"{line}\n" for line in lines)


def regenerate() -> None:
    """Write the generated parts of the page; the data's parts only where the data is."""
    page = PAGE.read_text()
    for name, lines in (_from_code() | (_from_data() if DATA.is_dir() else {})).items():
        body = "".join(f"{line}\n" for line in lines)
        page = re.sub(
            _PART.format(name),
            lambda match, body=body: match[1] + body + match[3],
            page,
            flags=re.DOTALL,
        )
    PAGE.write_text(page)


if __name__ == "__main__":
    regenerate()
