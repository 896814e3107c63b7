"""Templates print what Prometheus prints, and can do no harm."""

from __future__ import annotations

import json
import math
import subprocess
from contextlib import suppress

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tocsin.errors import ParseError
from tocsin.rules import Context, Element, Template

PIECES = [
    "{{ $value }}", "{{ .Value }}", '{{ printf "%v %g %e %.3f %5.1f|%-9.2f|%+.1e" $value $value $value $value $value $value $value }}',
    '{{ printf "%d %s %q %x %t" $value $value $value $value $value }}',
    '{{ printf "%d|%5d|%-5d|%05d|%+d|%x|%q|%s|%v|%t" 42 42 42 42 42 255 "a\\"b" "s" "v" true }}',
    '{{ printf "%s" }} {{ printf "%d" 1 2 }} {{ printf "100%%" }}',
    "{{ humanize $value }}", "{{ $value | humanize1024 }}", "{{ humanizeDuration $value }}",
    "{{ humanizePercentage $value }}",
    "{{ $labels.i }}|{{ $labels.none }}|{{ .Labels.i }}|{{ $labels }}|{{ len $labels }}",
    '{{ if eq $labels.i "1" }}one{{ else if eq $labels.i "2" "3" }}two{{ else }}many{{ end }}',
    "{{ if gt $value 10.0 }}big{{ else }}small{{ end }}{{ if and (ge $value 0.0) (lt $value 5.0) }}!{{ end }}",
    "{{ range $name, $label := $labels }}{{ $name }}={{ $label }};{{ end }}",
    "{{ range $labels }}{{ . }},{{ else }}none{{ end }}",
    "{{ with $labels.none }}with {{ . }}{{ else }}without{{ end }}{{ with $labels.i }}{{ . }}{{ end }}",
    '{{ with query "v" }}{{ . | first | value }} {{ (first .).Labels.i }} {{ label "i" (first .) }}{{ end }}',
    '{{ range query "sort(v)" }}{{ .Value }} {{ .Labels.i }};{{ end }}',
    '{{ range sortByLabel "i" (query "v") }}{{ .Labels.i }}{{ end }}',
    '{{ query "nothing" | len }}', '{{ query "nothing" | first | value }}',
    '{{ "a b" | toUpper }}{{ "A" | toLower }}{{ title "ab cd" }}',
    '{{ reReplaceAll "([a-z]+)" "<$1>" "ab-cd" }}{{ match "^a" "abc" }}{{ match "^b" "abc" }}',
    '{{ stripPort "a.b:80" }} {{ stripDomain "a.b:80" }} {{ stripPort "[::1]:80" }} {{ stripDomain "1.2.3.4" }}',
    "a {{- 1 -}} b {{ 2 }} {{- /* comment */ -}} c",
    "{{ $x := 5 }}{{ $x }}{{ $x = 6 }}{{ $x }}{{ if true }}{{ $x = 7 }}{{ $x := 8 }}{{ end }}{{ $x }}",
    "{{ print 1 2 `raw` true }} {{ println 1 `a` }}{{ html `<a&'\"` }} {{ urlquery `a b&c` }} {{ js `it's` }}",
    "{{ not true }} {{ or 0 `x` }} {{ and 1 0 }} {{ index $labels `i` }}",
    '{{ parseDuration "1h30m" }} {{ $externalLabels }} {{ .ExternalURL }}',
    '{{ graphLink "a > 1" }} {{ tableLink "a > 1" }} {{ args 1 "b" }}',
    "{{ 1 }} {{ 1.5 }} {{ 1e3 }} {{ 0x1F }} {{ -2 }} {{ 'a' }} {{ true }}",
    '{{ $labels.i | printf "%s-%s" "x" }}', '{{ (printf "%s" "y") }}',
    "{{ if $value }}non-zero{{ end }}{{ if $labels }}labels{{ end }}{{ if `` }}never{{ end }}",
    "{{ eq 1 1.0 }}", "{{ $labels.i.deeper }}", "{{ nil }}", "{{ humanize `1234` }}", "{{ humanize `x` }}",
    "{{ .Nothing }}", "{{ lt `a` `b` }} {{ ne 1 2 }} {{ le 2 2 }}",
]  # fmt: skip


def rendered_by_promtool(promtool, folder, pieces, value):
    """Each piece as promtool renders it; the error text where it fails."""
    rules = [
        {"alert": f"A{n}", "expr": "v", "annotations": {"t": piece}}
        for n, piece in enumerate(pieces)
    ]
    (folder / "r.yml").write_text(yaml.safe_dump({"groups": [{"name": "g", "rules": rules}]}))
    tests = {
        "rule_files": ["r.yml"],
        "tests": [{
            "external_url": "http://example.com/prom",
            "external_labels": {"region": "x"},
            "input_series": [{"series": 'v{i="1", j="b"}', "values": value}],
            "alert_rule_test": [
                {"eval_time": "0s", "alertname": f"A{n}", "exp_alerts": []} for n in range(len(pieces))
            ],
        }],
    }  # fmt: skip
    (folder / "t.yml").write_text(json.dumps(tests))
    done = subprocess.run(
        [promtool, "test", "rules", "t.yml"], cwd=folder, capture_output=True, text=True
    )
    found = {}
    for block in (done.stdout + done.stderr).split("alertname: A")[1:]:
        number = int(block.split(",", 1)[0])
        text = block.split("Annotations:{t=", 1)[1].split("}\n", 1)[0]
        found[number] = json.loads(text)
    assert len(found) == len(pieces), done.stdout + done.stderr
    return [found[n] for n in range(len(pieces))]


def context(value):
    element = Element({"__name__": "v", "i": "1", "j": "b"}, value)
    return Context(
        element.labels, value, lambda text: [] if text == "nothing" else [element],
        {"region": "x"}, "http://example.com/prom",
    )  # fmt: skip


@settings(max_examples=12, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.one_of(
        st.floats(-1e17, 1e17, allow_subnormal=False),
        st.sampled_from(
            [0.0, 1.0, -1.0, 16.271186440677965, 1e6, 999999.5, 1e-5, math.nan, math.inf, -math.inf]
        ),
        st.integers(-100_000, 10**9).map(float),
    )
)
def test_templates_print_what_promtool_prints(promtool, tmp_path, value):
    text = "NaN" if math.isnan(value) else repr(value).replace("inf", "Inf")
    for piece, expected in zip(
        PIECES, rendered_by_promtool(promtool, tmp_path, PIECES, text), strict=True
    ):
        try:
            got = Template(piece).render(context(value))
        except ParseError as error:
            got = f"<error expanding template: {error.what}"
        if expected.startswith("<error expanding"):
            assert got.startswith("<error expanding"), (piece, expected, got)
        else:
            assert got == expected, (piece, value)


@pytest.mark.parametrize(
    "text",
    [
        "{{ .__class__ }}", "{{ $labels.__class__.__mro__ }}", '{{ printf "%999999999d" 1 }}',
        '{{ printf "%*d" 1000000000 1 }}', "{{ range query `v` }}{{ .labels }}{{ end }}",
        "{{ index $labels `i` 5 }}", "{{ first 5 }}", "{{ humanize }}", '{{ match "(" "a" }}',
        '{{ reReplaceAll "a" "\\\\9" "a" }}', "{{ len 5 }}", "{{ printf 5 }}",
    ],
)  # fmt: skip
def test_hostile_templates_are_text_in_the_end(text):
    assert len(Template(text).render(context(1.0))) < 1000


def test_output_and_steps_are_bounded():
    text = "{{ range query `v` }}" * 10 + "x" * 1000 + "{{ end }}" * 10
    many = Context({}, 1.0, lambda _: [Element({}, 1.0)] * 100)
    assert Template(text).render(many).startswith("<error expanding template: ")


@pytest.mark.parametrize(
    "text",
    ["{{", "{{ if }}", "{{ end }}", "{{ if true }}", "{{ 'a }}", "{{ (1 }}", "{{ 1 | 2 }}",
     "{{ /* }}", "{{ define `x` }}{{ end }}", "{{ template `x` }}", "{{ " + "(" * 1000 + "}}",
     "{{ if true }}" * 1000, "{{ nosuch }}", "{{ $undefined }}", "{{ if $x := 1 }}{{ end }}{{ $x }}", "{{ $x = 1 }}", "x" * 20_000 + "{{ 1 }}"],
)  # fmt: skip
def test_bad_templates_are_refused(text):
    with pytest.raises(ParseError):
        Template(text)


@given(st.text(max_size=60))
def test_any_text_parses_or_is_refused(text):
    with suppress(ParseError):
        Template("{{" + text + "}}").render(context(1.0))
