"""What error logs of nginx and Apache say of a refused login or a probe, and of whom.

Requests, referrers and user names are strangers' text. nginx puts the client behind its message
and before what the client sent; a host name, a request's target and a server name have no
blanks in them, so most false clients can be told from the true one. Where there are two
readings there is no client.

Sources: nginx, ngx_http_request.c (`ngx_http_log_error_handler`); Apache httpd, server/log.c,
core.c and request.c.
"""

from __future__ import annotations

import re

from tocsin.logformat import NGINX_FULL, address, nginx_client, peer_address

__all__ = ["apache_error", "nginx_error", "probed"]

_LONGEST = 4096
"""No message of these servers is longer; a longer line is a stranger's, and slow to look at."""
_NGINX = re.compile(r"\d{4}/\d\d/\d\d \d\d:\d\d:\d\d \[\w+\] \d+#\d+: (?:\*\d+ )?(.*)", re.DOTALL)
_CLIENT = re.compile(r", client: ")
# The server always stands behind the client; without it the address may be cut off.
_TAIL = re.compile(
    r'([^\s,]+), server: [^\s,]*(?:, request: "(?:\S+(?: \S+)?(?: \S+)?|[^"]*)")?'
    r'(?:, subrequest: "\S*")?(?:, upstream: "\S*")?(?:, host: "(?:[^\s/]*|[^"]*)")?'
    r'(?:, referrer: ".*")?\s*',
    re.DOTALL,
)
_NGINX_LOGIN = re.compile(
    r"user \".*\"(?::? was not found in \"|: password mismatch)|PAM: user '.*' - not authenticated",
    re.DOTALL,
)
_NGINX_LIMIT = re.compile(r"limiting (?:requests|connections)(?:, excess: [\d.]+)? by zone \"")
_NGINX_SSL = re.compile(r"SSL_\w+\(\) failed \(SSL: error:")
_NGINX_MISSING = re.compile(
    r'(?:open\(\) )?"([^"]*)" (?:failed|is not found) \(2: No such file or directory\)'
)
_APACHE = re.compile(
    r"\[(?:([\w-]*):)?\w+\] (?:\[pid \d+(?::tid \d+)?\] )?(?:\S+\.c\(\d+\): )?"
    r"(?:\(\d+\)[^\[\]]{1,80}: )?"
    r"\[(?:client|remote) (?:\[([^\s\]]+)\]:\d+|([^\s\]]+?))\] ?(?:AH\d{5}: )?(.*)",
    re.DOTALL,
)
_STAMP = re.compile(r"\[[A-Z][a-z]{2} [A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d(?:\.\d+)? \d{4}\] ")
_APACHE_LOGIN = re.compile(
    r"client denied by server configuration|client used wrong authentication scheme|"
    r"user .{0,1000} not found(?:: /|$)|"
    r"user .{0,1000}: (?:authentication|authorization) failure for \"|"
    r"user .{0,1000}: password mismatch: /|"
    r"Authorization of user .{0,1000} to access /.{0,1000} failed, reason: |"
    r"(?:Digest: )?(?:user .{0,1000}: password mismatch: |user `.{0,1000}' in realm `.{0,1000}'"
    r" (?:not found|denied by provider): |invalid qop `|unknown algorithm `|realm mismatch - got `|"
    r"invalid nonce .{0,1000} received - (?:length is not |user attempted time travel))|"
    r"(?:No h|H)ostname .{0,1000}(?:via SNI|SSL setup)",
    re.DOTALL,
)
_APACHE_PROBE = re.compile(
    r"Invalid (?:URI|method) in request |invalid URI path \(|"
    r"script .{0,1000}not found or unable to stat|Got error 'Primary script unknown|"
    r"stderr from .{0,1000}: script not found or unable to stat",
    re.DOTALL,
)
_APACHE_MISSING = re.compile(
    r"File does not exist: ([^\[\]]{1,1000}?)(?:, referer: .*)?", re.DOTALL
)
_SCRIPT = re.compile(r"\.(?:php\d?|asp|exe|pl|cgi)$")
_PROBES = re.compile(
    r"/(?:cgi-bin|php-?my-?admin[^/]*|pma\d*|my-?sql-?admin|mysqlmanager|myadmin|sqlmanager|"
    r"web-?db-?admin|db-?admin|adminer[^/]*|round-?cube[^/]*|webmail|"
    r"wp-login\.php|wp-config\.php[^/]*|xmlrpc\.php|setup\.cgi|hnap1|boaform|phpunit|"
    r"\.env|\.git|\.svn|\.aws|\.ssh|manager/html|actuator|solr/admin|jmx-console)(?:/|$|\?)",
    re.IGNORECASE,
)


def nginx_error(line: str) -> tuple[str, str] | None:
    """The client and the offence, each empty if there is none; None for other lines."""
    match = _NGINX.search(line[:200]) and _NGINX.search(line)
    if not match:
        return None
    if len(line) > _LONGEST:
        return "", ""
    message = match[1]
    found = {
        client
        for each in _CLIENT.finditer(message)
        if (tail := _TAIL.fullmatch(message, each.end())) and (client := address(tail[1]))
    }
    client = found.pop() if len(found) == 1 else ""
    if len(line[match.start() :].encode("utf-8", "replace")) >= NGINX_FULL:
        # The end may be missing, and the client with it.
        client = nginx_client(message.encode("utf-8", "replace"), full=True) or ""
    if _NGINX_LOGIN.match(message) or _NGINX_SSL.match(message):
        return client, "failure"
    if _NGINX_LIMIT.match(message):
        return client, "suspicion"
    missing = _NGINX_MISSING.match(message)
    return client, "failure" if missing and probed(missing[1]) else ""


def apache_error(line: str) -> tuple[str, str] | None:
    """The client and the offence, each empty if there is none; None for other lines."""
    match = _APACHE.match(_STAMP.sub("", line, count=1))
    if match is None:
        return None
    module, client, message = match[1] or "", match[2] or match[3], match[4][:_LONGEST]
    # A module before the level is Apache 2.4, which writes a port behind the address.
    client = (address(client) if match[1] is None else peer_address(client)) or client
    message = message.removeprefix("Digest: ")
    if _APACHE_PROBE.match(message):
        return client, "failure"
    missing = _APACHE_MISSING.fullmatch(message)
    if missing and (_SCRIPT.search(missing[1]) or probed(missing[1])):
        return client, "failure"
    if not _APACHE_LOGIN.match(message):
        return client, ""
    # mod_evasive refuses whoever is too fast, as the limits of nginx do, and needs not be told.
    return client, "suspicion" if module.startswith("evasive") else "failure"


def probed(path: str) -> bool:
    """Whether only a scanner looks for this."""
    return _PROBES.search(path[:2000]) is not None
