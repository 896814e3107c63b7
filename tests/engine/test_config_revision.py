"""`revision:` in tocsin.yaml: all mistakes at once, and what was said as it was said."""

from __future__ import annotations

import pytest

from tocsin.engine import load_config
from tocsin.errors import ConfigError


def load(folder, text):
    path = folder / "tocsin.yaml"
    path.write_text(f"revision: {text}\n")
    return load_config(path)


def test_what_a_pipeline_wrote_is_there(tmp_path):
    told = {"commit": "4f2a9c1", "author": "Dana <d@example.org>", "ticket": "CHG-1"}
    assert (
        load(tmp_path, "{commit: 4f2a9c1, author: Dana <d@example.org>, ticket: CHG-1}").revision
        == told
    )
    assert load(tmp_path, "{commit: 1, author: Dana}").revision == {"commit": "1", "author": "Dana"}
    (tmp_path / "tocsin.yaml").write_text("scrape: []\n")
    assert load_config(tmp_path / "tocsin.yaml").revision == {}


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", ["revision has no commit", "revision has no author"]),
        ("{commit: two words, author: ' '}", ["commit must be one word", "author must have 1 to 400"]),
        ("{comit: a, author: D}", ["unknown key 'comit'", "revision has no commit"]),
        (f"{{commit: a, author: {'D' * 401}}}", ["author must have 1 to 400 characters"]),
        ("main", ["revision must be a mapping"]),
    ],
)  # fmt: skip
def test_each_mistake_is_told(tmp_path, text, told):
    with pytest.raises(ConfigError) as refused:
        load(tmp_path, text)
    problems = [problem.what for problem in refused.value.problems]
    assert all(any(each in problem for problem in problems) for each in told), problems
