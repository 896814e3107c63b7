"""What people read, as a whole."""

from __future__ import annotations

import json
import sys
from io import BytesIO, TextIOWrapper

import click
import pytest
from click.testing import CliRunner

from tocsin.cli import cli, main
from tocsin.errors import ParseError
from tocsin.pattern import Settings, explain, parse, render

LOGIN = '{ ($.eventname = ConsoleLogin) && ($.more.MFAUsed != "Yes" || $.roles[*] = admin) }'
EXPLAINED = [
    (
        LOGIN,
        '{"eventName": "ConsoleLogin", "roles": ["x", "admin"]}',
        """\
no  { $.eventname = ConsoleLogin && ($.more.MFAUsed != "Yes" || $.roles[*] = admin) }
no    all of                        1 of 2 do not hold
no      $.eventname = ConsoleLogin  $.eventname is not in the event, eventName is: no comparison holds
yes     any of                      1 of 2 hold
no        $.more.MFAUsed != "Yes"   $.more is not in the event: no comparison holds, != neither
yes       $.roles[*] = admin        1 of 2 values satisfy it, for example "admin\"""",
    ),
    (
        "{ $.a IS NULL || $.b NOT EXISTS || $.c = 404 || $.d != x }",
        '{"b": null, "c": "404", "d": [1]}',
        """\
yes { $.a IS NULL || $.b NOT EXISTS || $.c = 404 || $.d != x }
yes   any of             1 of 4 hold
no      $.a IS NULL      $.a is not in the event
no      $.b NOT EXISTS   $.b is there, with null
yes     $.c = 404        $.c is "404"
no      $.d != x         $.d is an array: no comparison holds, != neither""",
    ),
    (
        "{ $.a = 1 }",
        "INFO start",
        "no  { $.a = 1 }  the event is not a JSON object as a whole, it begins 'INFO start'",
    ),
    (
        'ERROR -WARN ?x %a.c% " "',
        "an error abc",
        """\
no  ERROR -WARN ?x %a.c% " "  a term is not as asked
no    ERROR                   not found; error is there, but case counts
yes   -WARN                   not found
 -    ?x                      ignored: ? counts only where every term has it
yes   %a.c%                   the regular expression matches
yes   " "                     a blank phrase matches every event""",
    ),
    (
        "?a ?zz",
        "banana",
        """\
yes ?a ?zz  one of the optional terms is there
yes   ?a    found at character 2
no    ?zz   not found""",
    ),
    (
        "[ip, ..., status=4*, ]",
        '1.2.3.4 - "GET /\u202e" 500 7',
        """\
no  [ip, ..., status = 4*, ]  5 fields
yes   ip                      is "1.2.3.4"
no    status = 4*             is "500"
yes   (unnamed)               is "7\"""",
    ),
    ("[a, b]", "x", "no  [a, b]  the event has 1 field, the pattern needs at least 2"),
    (
        "{ $.a = 1 || $.b[*] = 2 || $.c IS TRUE || $.d > 1 }",
        '{"a": null, "b": [1, {}, 3, 4], "c": {}, "d": 5}',
        """\
yes { $.a = 1 || $.b[*] = 2 || $.c IS TRUE || $.d > 1 }
yes   any of          1 of 4 hold
no      $.a = 1       $.a is null: no comparison holds, != neither
no      $.b[*] = 2    0 of 4 values satisfy it
no      $.c IS TRUE   $.c is an object
yes     $.d > 1       $.d is 5""",
    ),
    (
        "{ $.a[*] = 1 && $.b NOT EXISTS }",
        '{"a": [{}, [], {}, {}], "b": true}',
        """\
no  { $.a[*] = 1 && $.b NOT EXISTS }
no    all of              2 of 2 do not hold
no      $.a[*] = 1        $.a[*] is an object, an array, an object, ...: no comparison holds, != neither
no      $.b NOT EXISTS    $.b is true""",
    ),
    ("", "x", "yes (empty)  an empty pattern matches every event"),
]


@pytest.mark.parametrize(("pattern", "event", "text"), EXPLAINED)
def test_text(pattern, event, text):
    lines = [line.split() for line in text.splitlines()]
    found = render(explain(parse(pattern), event))
    assert [line.split() for line in found.splitlines()] == lines


def run(*arguments, stdin=b""):
    return CliRunner().invoke(cli, ["explain", *arguments], input=stdin, standalone_mode=False)


def test_command_says_yes_and_no():
    yes = run("--pattern", "ERROR", "an ERROR")
    assert yes.return_value == 0
    assert yes.stdout.splitlines()[0] == "event 1: an ERROR"
    assert "found at character 4" in yes.stdout
    no = run("--pattern=-ERROR", "an ERROR")
    assert no.return_value == 1
    assert "found at character 4, and excluded" in no.stdout


def test_command_reads_lines():
    found = run("--pattern", "[a=1, b]", "-", stdin=b"1 x\r\n2 y\n\xff\x00 z")
    assert found.return_value == 0
    assert "event 3" in found.stdout
    assert "$b = x\n" in found.stdout
    assert "\x00" not in found.stdout
    assert run("--pattern", "x", stdin=b"").return_value == 1


def test_command_as_json():
    found = run("--pattern", "?a b", "--format", "json", "a b")
    answer = json.loads(found.stdout)
    assert answer["pattern"] == "?a b"
    assert "[mixed-optional]" in answer["warnings"][0]["what"]
    (event,) = answer["events"]
    assert (event["matched"], event["extracted"]) == (True, {})
    assert [part["verdict"] for part in event["tree"]["parts"]] == [None, True]
    assert found.stderr == ""


def test_command_warns():
    found = run("--pattern", "?a b", "a b")
    assert "warning: ?a without effect" in found.stderr


def test_command_refuses(monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["tocsin", "explain", "--pattern", "{ $.a == 1 }", "x"])
    monkeypatch.setattr(sys, "stdin", TextIOWrapper(BytesIO()))
    with pytest.raises(SystemExit) as caught:
        main()
    assert caught.value.code == 2
    lines = capsys.readouterr().err.splitlines()
    assert lines[0] == "{ $.a == 1 }"
    assert lines[1] == "      ^"
    assert lines[2].startswith("--pattern:1:7: == is not an operator, hint: ")


def test_command_takes_arguments_that_are_no_text():
    found = run("--pattern", '"\udcff"', "--format", "json", "x \udcff")
    assert found.exception is None
    assert found.return_value == 1


def test_a_setting_shows():
    node = explain(parse("{ $.a != 1 }"), "{}", Settings(missing_not_equal=True))
    assert node.matched
    assert node.children[0].reason == "$.a is not in the event; by setting, != holds"


DEFINED = """
resource "aws_cloudwatch_log_metric_filter" "bytes" {
  name           = "sent"
  log_group_name = "web"
  pattern        = "{ $.bytes = * }"
  metric_transformation {
    name       = "Bytes"
    namespace  = "Web"
    value      = "$.bytes"
    dimensions = { Host = "$.host" }
  }
}
"""


def test_of_a_filter_it_tells_what_a_match_adds(tmp_path, monkeypatch):
    (tmp_path / "main.tf").write_text(DEFINED)
    (tmp_path / "tocsin.yaml").write_text("definitions: [main.tf]\n")
    monkeypatch.chdir(tmp_path)
    for more in (["--definitions", "main.tf"], []):
        done = run("--filter", "sent", *more, '{"bytes": 12, "host": "a"}')
        assert done.return_value == 0
        assert done.output.splitlines()[-1] == "  adds 12 to Web/Bytes {Host=a}"
    done = run("--filter", "web/sent", '{"bytes": "many"}')
    assert done.output.splitlines()[-1].startswith("  adds nothing: ")
    done = run("--filter", "sent", "--format", "json", '{"bytes": 3, "host": "b"}')
    (event,) = json.loads(done.stdout)["events"]
    assert (event["adds"], event["dimensions"], event["metric"]) == (3, {"Host": "b"}, "Bytes")
    with pytest.raises(ParseError, match="no metric filter is named 'other'"):
        CliRunner().invoke(
            cli,
            ["explain", "--filter", "other", "x"],
            standalone_mode=False,
            catch_exceptions=False,
        )
    with pytest.raises(click.UsageError):
        CliRunner().invoke(cli, ["explain", "x"], standalone_mode=False, catch_exceptions=False)
