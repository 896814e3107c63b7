"""The commands of the guide, run as a reader would run them."""

from __future__ import annotations

import pytest

from tests.evidence.test_guides import shell  # noqa: F401 - a fixture


@pytest.mark.slow
def test_a_copy_and_a_hold(shell):  # noqa: F811
    done = shell("docs/guides/seal.md")
    assert done.returncode == 0, done.stdout + done.stderr
    done = shell("docs/guides/custody.md")
    assert done.returncode == 0, done.stdout + done.stderr
    told = done.stdout.splitlines()
    assert told[0] == "copied  20261120"
    assert "1 day at ../audit-mount, each file read back: nothing is altered" in told
    assert "1 day there already, the same" in told
    assert "Jane Doe, counsel" in told[-1]
