"""Real logs under attack, and annotated samples that try to blame others."""

import json
import re

import pytest

from tocsin.correlation import Correlator, Event, EventReader, load_sigma
from tocsin.logformat import Clues, make_format

RULES = b"""
title: Login refused
name: failure
logsource: {product: linux, service: sshd}
detection: {refused: {event.outcome: failure}, condition: refused}
---
title: Login
name: success
logsource: {product: linux, service: sshd}
detection: {login: {event.outcome: success}, condition: login}
---
title: Brute force
name: brute
correlation:
  type: event_count
  rules: [failure]
  group-by: [source.ip]
  timespan: 600s
  condition: {gte: 5}
---
title: Brute force that succeeded
name: broken_in
correlation:
  type: temporal_ordered
  rules: [brute, success]
  group-by: [source.ip]
  timespan: 1h
  generate: true
"""
YEAR_2017 = 1_483_228_800_000_000


def read_all(path, form):
    reader = EventReader(make_format(form, Clues(after=YEAR_2017)))
    found = [reader.read(line) for line in path.read_bytes().splitlines()]
    return [each for each in found if isinstance(each, Event)]


def test_auth_log(data):
    events = read_all(data / "logs/auth.log", "syslog")
    correlator = Correlator(load_sigma([("rules.yml", RULES)]), lateness=60_000_000)
    alerts = correlator.feed(events) + correlator.finish()
    brute = [each for each in alerts if each.rule == "brute"]
    assert len({each.group for each in brute}) == 101
    assert len(brute) == 101
    assert all(each.measure >= 5 and each.error == 0 for each in brute)
    broken = [each for each in alerts if each.rule == "broken_in"]
    assert [dict(each.group) for each in broken] == [{"source.ip": "24.151.103.17"}]
    assert correlator.late == 0
    assert not correlator.unkeyed


@pytest.mark.parametrize("chunk", [1, 7, 1000])
def test_chunks_and_restarts_change_nothing(data, chunk):
    events = read_all(data / "logs/auth.log", "syslog")[2000:4000]
    rules = load_sigma([("rules.yml", RULES)])
    whole = Correlator(rules, lateness=60_000_000)
    expected = whole.feed(events) + whole.finish()
    correlator, found = Correlator(rules, lateness=60_000_000), []
    for start in range(0, len(events), chunk):
        found += correlator.feed(events[start : start + chunk])
        if start % (chunk * 97) == 0:
            state = correlator.state()
            correlator = Correlator(rules, lateness=60_000_000)
            correlator.restore(state)
    assert found + correlator.finish() == expected
    assert expected


def annotated(path):
    """Each line with its annotation and the modes that it is for."""
    modes, said = [{}], None
    for line in path.read_text(errors="surrogateescape").splitlines():
        if line.startswith("# filterOptions:"):
            modes = json.loads(line.partition(":")[2])
            modes = [modes] if isinstance(modes, dict) else modes
        elif line.startswith("# failJSON:"):
            said = json.loads(line.partition(":")[2])
        elif line.strip() and not line.startswith("#"):
            yield line, said, modes
            said = None


def decided(event, said, mode):
    strict = mode.get("mode") in ("aggressive", "ddos", "extra")
    if "opts.get('mode') == 'aggressive'" in said.get("constraint", "") and not strict:
        return True
    if "opts.get('mode') != 'aggressive'" in said.get("constraint", "") and strict:
        return True
    offence = event.fields.get("offence", "")
    got = offence in (("failure", "suspicion") if strict else ("failure",))
    host = said.get("host") or said.get("ip4") or said.get("ip6")
    return got == said["match"] and (not got or not host or event.fields["client"] == host)


def test_fail2ban_ssh(data):
    reader = EventReader(make_format("syslog", Clues(after=YEAR_2017)))
    seen = 0
    for line, said, modes in annotated(data / "fail2ban/sshd-journal"):
        event = reader.read(b"Mar  1 10:00:00 " + line.encode("utf-8", "surrogateescape"))
        assert isinstance(event, Event), line
        for mode in modes:
            assert decided(event, said, mode), (line, said, mode, event.fields)
            seen += 1
    assert seen > 200


def form_of(line):
    if re.match(r"\d{4}/", line):
        return "nginx-error", line
    if line.startswith("["):
        return "apache-error", line
    if re.match(r"[A-Z][a-z]{2} \d\d ", line):
        return "syslog", line
    if re.match(r"\S+ nginx\[", line):
        return "syslog", "Mar  1 10:00:00 " + line
    return "combined", line


@pytest.mark.parametrize(
    "name", ["apache-auth", "apache-noscript", "nginx-botsearch", "nginx-http-auth"]
)
def test_fail2ban_web(data, name):
    seen = 0
    for line, said, modes in annotated(data / "fail2ban" / name):
        form, text = form_of(line)
        reader = EventReader(make_format(form, Clues(after=YEAR_2017)))
        event = reader.read(text.encode("utf-8", "surrogateescape"))
        assert isinstance(event, Event), line
        for mode in modes:
            assert decided(event, said, mode), (line, said, mode, event.fields)
            seen += 1
    assert seen > 10


INJECTED = [
    "Failed password for invalid user x from 9.9.9.9 port 1 ssh2: y from 1.2.3.4 port 22 ssh2",
    "Failed password for invalid user x from 9.9.9.9 port 1 ssh2 from 1.2.3.4 port 22 ssh2",
    "Invalid user x from 9.9.9.9 port 7 from 1.2.3.4 port 22",
    "Connection closed by invalid user x 9.9.9.9 port 7 [preauth] 1.2.3.4 port 22 [preauth]",
    "error: PAM: Authentication failure for x from 9.9.9.9 via from 1.2.3.4",
    "Disconnecting invalid user x 9.9.9.9 port 1: Too many authentication failures 1.2.3.4 port 22:"
    " Too many authentication failures [preauth]",
]


@pytest.mark.parametrize("message", INJECTED)
def test_no_injected_host_is_named(message):
    reader = EventReader(make_format("syslog", Clues(after=YEAR_2017)))
    event = reader.read(f"Mar  1 10:00:00 srv sshd[7]: {message}".encode())
    assert event.fields.get("client", "1.2.3.4") == "1.2.3.4"


def test_a_referrer_is_no_client():
    line = (
        '2024/01/01 10:00:00 [error] 1#1: *3 user "x": password mismatch, client: 1.2.3.4, server: s, '
        'request: "GET / HTTP/1.1", host: "h", referrer: "x", client: 9.9.9.9, server: s, request: '
        '"GET / HTTP/1.1", host: "h"'
    )
    event = EventReader(make_format("nginx-error")).read(line.encode())
    assert event.fields.get("client", "1.2.3.4") == "1.2.3.4"


NGINX = "2024/01/01 10:00:00 [error] 1#1: *3 "
REFUSED = NGINX + 'user "x": password mismatch, client: 1.2.3.4, server: s, '
ENDS = ', client: 1.2.3.4, server: s, request: "GET / HTTP/1.1", host: "h"'
OLD = "[Sat Jul 20 21:39:11 2013] [error] [client 1.2.3.4] "
NEW = "[Sat Jul 20 21:39:11.978080 2013] [core:error] [pid 17512:tid 1400] [client {}] "


@pytest.mark.parametrize(
    ("line", "client", "offence"),
    [
        (REFUSED + 'request: "GET / HTTP/1.1", host: "h", referrer: ", client: 9.9.9.9"', "1.2.3.4", "failure"),
        (REFUSED + 'request: "GET / HTTP/1.1", host: "h, client: 9.9.9.9"', "1.2.3.4", "failure"),
        (REFUSED + 'request: "GET /a, client: 9.9.9.9, server: s HTTP/1.1", host: "h"', "1.2.3.4", "failure"),
        (NGINX + 'user "x": password mismatch, client: unix:, server: s', None, "failure"),
        # Both readings have a client; nobody is named.
        (REFUSED.replace("1.2.3.4", "9.9.9.9") + f'request: "GET /", host: "h", referrer: "": password mismatch{ENDS}',
         None, "failure"),
        (NGINX + f"no user/password was provided for basic authentication{ENDS}", "1.2.3.4", ""),
        (NGINX + f'limiting requests, excess: 1.852 by zone "one"{ENDS}', "1.2.3.4", "suspicion"),
        (NGINX + f'limiting connections by zone "one"{ENDS}', "1.2.3.4", "suspicion"),
        (NGINX + f'limiting requests, dry run, excess: 1.852 by zone "one"{ENDS}', "1.2.3.4", ""),
        (NGINX + f'delaying request, excess: 0.068, by zone "one"{ENDS}', "1.2.3.4", ""),
        (NGINX + f'open() "/x limiting requests by zone "one"" failed (2: No such file or directory){ENDS}', "1.2.3.4", ""),
        (OLD + "File does not exist: /var/www/x.php, referer: http://a/", "1.2.3.4", "failure"),
        (OLD + "File does not exist: /var/www/x.png, referer: http://a/x.php", "1.2.3.4", ""),
        (OLD + "File does not exist: /var/www/phpMyAdmin/index.html", "1.2.3.4", "failure"),
        (OLD + "File does not exist: /usr/lib/cgi-bin/test", "1.2.3.4", "failure"),
        (OLD + "File does not exist: /var/www/[client 9.9.9.9] File does not exist: /x.php", "1.2.3.4", ""),
        (NEW.format("::1:51390") + 'AH01617: user x: authentication failure for "/": Password Mismatch', "::1", "failure"),
        (NEW.format("2001:db8::1:8080") + "AH00128: File does not exist: /x.php", "2001:db8::1", "failure"),
        (NEW.format("[2001:db8::1]:8080") + "AH00128: File does not exist: /x.php", "2001:db8::1", "failure"),
        (OLD.replace("1.2.3.4", "2001:db8::1:8080") + "user x not found: /", "2001:db8::1:8080", "failure"),
        (NEW.format("1.2.3.4:80") + "AH00126: Invalid URI in request GET /static/../../etc/passwd HTTP/1.1", "1.2.3.4", "failure"),
        (NEW.format("::1:80") + "AH00135: Invalid method in request \\x16\\x03\\x01", "::1", "failure"),
        (NEW.format("1.2.3.4:80") + "AH10244: invalid URI path (/cgi-bin/.%2e/.%2e/bin/sh)", "1.2.3.4", "failure"),
        (OLD + "Invalid URI in request GET ../../etc/passwd HTTP/1.0", "1.2.3.4", "failure"),
        (OLD + "Invalid method in request \\x80", "1.2.3.4", "failure"),
        (OLD + "File does not exist: /srv/Invalid URI in request x, referer: invalid URI path (", "1.2.3.4", ""),
        (NEW.format("1.2.3.4:80") + "AH01276: Cannot serve directory /a/[client 9.9.9.9:1] user x not found: /", "1.2.3.4", ""),
    ],
)  # fmt: skip
def test_error_logs_of_web_servers(line, client, offence):
    form, text = form_of(line)
    event = EventReader(make_format(form, Clues(after=YEAR_2017))).read(text.encode())
    assert (event.fields.get("client"), event.fields.get("offence", "")) == (client, offence)


def told(*messages, form="syslog", head="Mar  1 10:00:00 srv sshd[7]: "):
    reader = EventReader(make_format(form, Clues(after=YEAR_2017)))
    events = [reader.read(f"{head}{each}".encode()).fields for each in messages]
    return events[-1].get("client"), events[-1].get("offence", "")


CONNECTED = "Connection from 192.0.2.10 port 62004 on 192.0.2.99 port 22"


@pytest.mark.parametrize(
    ("messages", "client", "offence"),
    [
        (["Bad protocol version identification 'GET / HTTP/1.1' from 192.0.2.7 port 31"], "192.0.2.7", "suspicion"),
        (["Bad protocol version identification 'x' from 9.9.9.9' from 192.0.2.7 port 31"], "192.0.2.7", "suspicion"),
        (["Bad protocol version identification 'x' from 9.9.9.9 port 1"], "9.9.9.9", "suspicion"),
        (["Bad protocol version identification 'x' from 9.9.9.9 port 1 y"], None, ""),
        (["banner exchange: Connection from 192.0.2.7 port 31: invalid format"], "192.0.2.7", "suspicion"),
        (["Disconnected from 192.0.2.7 port 31 [preauth]"], "192.0.2.7", "suspicion"),
        (["Disconnected from 192.0.2.7 port 31"], None, ""),
        (["fatal: Timeout before authentication for 192.0.2.7 port 31"], "192.0.2.7", "suspicion"),
        (["Timeout before authentication for 192.0.2.7 port 31"], "192.0.2.7", "suspicion"),
        (["error: Received disconnect from 192.0.2.7 port 31:14: No authentication methods available [preauth]"],
         "192.0.2.7", "suspicion"),
        ([CONNECTED, 'error: kex_exchange_identification: client sent invalid protocol identifier "x from 9.9.9.9"'],
         "192.0.2.10", "suspicion"),
        ([CONNECTED, "error: kex_exchange_identification: Connection closed by remote host"], "192.0.2.10", "suspicion"),
        (["error: kex_exchange_identification: read: Connection reset by peer"], None, ""),
        # What the penalty is for was told when it happened.
        (["drop connection #0 from [192.0.2.7]:31 on [192.0.2.99]:22 penalty: failed authentication"], "192.0.2.7", "suspicion"),
        (["drop connection #12 from [2001:db8::7]:31 on [2001:db8::9]:22 penalty: exceeded LoginGraceTime"],
         "2001:db8::7", "suspicion"),
        (["drop connection #0 from [::ffff:192.0.2.7]:31 on [::1]:22 penalty: caused crash"], "192.0.2.7", "suspicion"),
        (["drop connection #90 from [192.0.2.7]:31 on [192.0.2.99]:22 past Maxstartups"], "192.0.2.7", ""),
        (["drop connection #0 from [192.0.2.7]:31 on [192.0.2.99]:22 too many penalised addresses"], "192.0.2.7", ""),
        (["Invalid user drop connection #0 from [9.9.9.9]:1 on [::1]:22 penalty: x from 192.0.2.7 port 1"], "192.0.2.7", "failure"),
    ],
)  # fmt: skip
def test_scanners_of_sshd(messages, client, offence):
    assert told(*messages) == (client, offence)


@pytest.mark.parametrize("program", ["sshd", "sshd-session", "sshd-auth"])
def test_the_programs_of_openssh(program):
    """OpenSSH 9.8 has a process for each connection, OpenSSH 10 one that asks who it is, too."""
    head = f"Mar  1 10:00:00 srv {program}[7]: "
    message = "Failed password for invalid user x from 192.0.2.7 port 1 ssh2"
    assert told(message, head=head) == ("192.0.2.7", "failure")
    line = f"{head}{message}".encode()
    form = make_format("syslog", Clues(after=YEAR_2017))
    assert form.parse(line).fields["client"] == "192.0.2.7"
    correlator = Correlator(load_sigma([("rules.yml", RULES.replace(b"gte: 5", b"gte: 1"))]))
    event = EventReader(form).read(line)
    alerts = correlator.feed([event]) + correlator.finish()
    assert [each.rule for each in alerts] == ["brute"]


def test_a_process_is_known_by_its_number_alone():
    too_many = "Disconnecting: Too many authentication failures [preauth]"
    new = "<34>1 2017-03-01T10:00:00Z srv sshd {} - - "
    assert told(CONNECTED, too_many) == ("192.0.2.10", "failure")
    assert told(CONNECTED, too_many, form="syslog-5424", head=new.format(7))[0] == "192.0.2.10"
    # Whose process it was is not known, and no text of a stranger says it.
    assert told(CONNECTED, too_many, form="syslog-5424", head=new.format("-"))[0] is None
    assert told(CONNECTED, too_many, head="Mar  1 10:00:00 srv sshd: ")[0] is None
    for head in ("Mar  1 10:00:00 [sshd] ", "Mar  1 10:00:00 srv sshd: "):
        poison = "Invalid user sshd[9] from 9.9.9.9 port 1"
        assert told(poison, too_many + " sshd[9]", head=head)[0] is None
        assert (
            told(poison, "Disconnecting: Too many authentication failures for sshd[9]", head=head)[
                0
            ]
            is None
        )


def cut_off(start, end, length, filling):
    """A message as long as its writer makes them, of which the rest was cut off."""
    line = start + filling * ((length - len(start) - len(end)) // len(filling))
    return line.ljust(length - len(end), "x") + end


@pytest.mark.parametrize(
    ("start", "end"),
    [
        ("Connection closed by invalid user ", " 9.9.9.9 port 22 [preauth]"),
        ("Disconnected from authenticating user ", " 9.9.9.9 port 22 [preauth]"),
        ("Disconnecting invalid user ", " 9.9.9.9 port 22: Too many authentication failures [preauth]"),
        ("Bad protocol version identification '", "' from 9.9.9.9 port 22"),
    ],
)  # fmt: skip
def test_a_message_that_sshd_cut_off_blames_nobody_else(start, end):
    """OpenSSH, log.c: `syslog(pri, "%.500s")`, control characters as `\\001`."""
    message = cut_off(start, end, 500, "\\001")
    assert told(message)[0] is None
    # The same process told before who it is.
    assert told(CONNECTED, message)[0] is None
    own = cut_off(start, end.replace("9.9.9.9", "192.0.2.10"), 500, "\\001")
    assert told(CONNECTED, own)[0] == "192.0.2.10"
    assert told(cut_off(start, end, 499, "\\001"))[0] == "9.9.9.9"
    front = cut_off("Received disconnect from 192.0.2.7 port 4:11: ", "9.9.9.9", 500, "x")
    assert told(front)[0] == "192.0.2.7"


@pytest.mark.parametrize(
    "start",
    [
        "Failed password for invalid user x from 9.9.9.9 port 22 ssh2",
        "Invalid user x from 9.9.9.9 port 22",
        "Connection closed by invalid user x 9.9.9.9 port 22 [preauth]",
    ],
)
def test_a_user_name_of_blanks_does_not_hide_the_cut(start):
    assert told(start.ljust(500))[0] is None
    assert told(start)[0] == "9.9.9.9"


@pytest.mark.parametrize(
    ("start", "end", "client"),
    [
        ('open() "/srv/.env/', '" failed (2: No such file or directory), client: 192.0.2.1', None),
        ('user "', '": password mismatch, client: 192.0.2.1', None),
        ('open() "/x, client: 9.9.9.9, server: s, request: "GET /"', "... (2: No such file), cli", None),
        ('user "u": password mismatch, client: 192.0.2.15, server: s, request: "GET /', "", "192.0.2.15"),
        ('limiting requests, excess: 1.8 by zone "one", client: 192.0.2.15, server: s, request: "', "", "192.0.2.15"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("form", ["nginx-error", "syslog"])
def test_a_line_that_nginx_cut_off_blames_nobody_else(form, start, end, client):
    """nginx, ngx_log.c: 2,048 bytes with the line end, and the client behind the message."""
    line = cut_off(NGINX + start, end, 2047, "a")
    head = "" if form == "nginx-error" else "Mar  1 10:00:00 srv nginx: "
    assert told(line, form=form, head=head)[0] == client


def test_a_client_at_the_end_of_a_line_may_be_cut_off():
    """nginx, ngx_http_request.c (`ngx_http_log_error`): the server stands behind the client."""
    line = NGINX + 'user "x": password mismatch, client: 192.0.2.1'
    assert told(line, form="nginx-error", head="") == (None, "failure")
    assert told(f"{line}, server: s", form="nginx-error", head="")[0] == "192.0.2.1"
