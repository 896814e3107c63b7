"""What messages of the OpenSSH server say of a login: who, from where, and how it ended.

A user name and what a client says at its end are a stranger's text and may look like the rest
of the message. So an address is taken only from where sshd itself writes it. Where a text can
be read in two ways, the reading that agrees with the peer of the same process is taken, and if
there is none there is no address. One process serves one connection, so some endings are told
in several lines; so much of each process is remembered, for a bounded number of them.

Source: OpenSSH, auth.c (`auth_log`), packet.c, monitor.c, sshd.c, srclimit.c; Linux-PAM, pam_unix.
"""

from __future__ import annotations

import re
from collections import OrderedDict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["Login", "Sessions"]

_MOST = 4096
"""Processes that are remembered; of more, those heard of latest."""
_LONGEST = 4096
"""No message of sshd is longer; a longer one is a stranger's, and slow to look at."""
_FULL = 500
"""sshd cuts messages off here (OpenSSH, log.c, `do_log`), and whoever makes one long chooses what
is lost: the address behind a user name may be a part of one, or the stranger's own."""
_IN_FRONT = re.compile(
    r"(?:(?:error|fatal): )?(?:Received disconnect from|Unable to negotiate with|"
    r"Connection (?:from|closed by|reset by)) [0-9A-Fa-f:.]{2,45}(?: port \d|:)"
)
"""What names the peer before a stranger's text."""
_END = r"(?: \[preauth\])?\s*"
_KERNEL = re.compile(r"kernel: ?\[ *\d+\.\d+\]:? ")
_TRIED = re.compile(r"(Failed|Accepted) (\S+) for (invalid user |<invalid username>(?= from ))?")
_FROM = re.compile(r" from (\S+)(?: port (\d{1,5}))?(?: ssh\d)?(?=$|: |\s+$)")
_PAM = re.compile(
    r"(?:error: )?PAM: [^:]{1,100}? for (illegal user )?(.*) from (\S+)(?: via \S+)?\s*"
)
_INVALID = re.compile(r"Invalid user (.*) from (\S+)(?: port \d{1,5})?\s*")
_NOT_ALLOWED = re.compile(r"User (.*) from (\S+) not allowed because [\w' ]+")
_LOCKED = re.compile(r"User (.*) not allowed because account is locked")
_REFUSED = re.compile(r"refused connect from \S+ \((\S+)\)")
_ROOT = re.compile(r"ROOT LOGIN REFUSED FROM (\S+)(?: port \d{1,5})?" + _END)
_MAXIMUM = re.compile(
    r"(?:error: )?maximum authentication attempts exceeded for (?:invalid user )?(.*)"
    r" from (\S+) port \d{1,5} ssh2" + _END
)
_TOO_MANY = re.compile(r"Disconnecting: Too many authentication failures(?: for (.*?))?" + _END)
_DISCONNECTING = re.compile(
    r" (\S+) port \d{1,5}: (?:Too many authentication failures|Change of username or service)"
)
_CLOSED = re.compile(r"Connection (closed|reset) by (\S+)(?: port \d{1,5})?(| \[preauth\])\s*")
_CLOSED_USER = re.compile(
    r"(?:Connection (?:closed|reset) by|Disconnected from) (?:authenticating|invalid) user "
    r"(.*) (\S+) port \d{1,5} \[preauth\]\s*"
)
_DISCONNECT = re.compile(
    r"(?:error: )?Received disconnect from (\S+?)(?: port \d{1,5})?: ?(\d{1,3}):(.*)", re.DOTALL
)
_PAM_UNIX = re.compile(
    r"pam_unix\(sshd:auth\): authentication failure; logname=\S* uid=\d* euid=\d* tty=\S* "
    r"ruser=(\S*) rhost=(\S*)(?:\s+user=(.*?))?" + _END
)
_CONNECTION = re.compile(r"Connection from (\S+)(?: port \d{1,5}(?: on \S+ port \d{1,5}.*)?)?")
_DROPPED = re.compile(
    r"drop connection #\d+ from \[([^\]]+)\]:\d{1,5} on \[[^\]]+\]:\d{1,5} (penalty: )?.*"
)
_REMOTE = re.compile(r"SSH: Server;Ltype: \w+;Remote: (\S+?)-\d{1,5};")
_SCANNED = re.compile(
    r"(?:(?:error|fatal): )?(?:Did not receive identification string from|"
    r"Timeout before authentication for(?: connection from)?|"
    r"Bad protocol version identification '.*' from|Disconnected from(?=.*\[preauth\]$)|"
    r"banner exchange: Connection from) (\S+?),?(?: port \d{1,5})?"
    r"(?: \[preauth\]|: invalid format| to \S+, pid = \d+)?\s*"
)
_NEGOTIATE = re.compile(r"(?:fatal: )?Unable to negotiate with (\S+) port \d{1,5}: no matching ")
_FATAL = re.compile(
    r"(?:fatal|error): (?:Unable to negotiate a key exchange method|"
    r"no matching \w+ found: client |Read from socket failed: Connection reset by peer|"
    r"kex_exchange_identification: (?:read: )?"
    r"(?:[Cc]lient sent invalid protocol identifier|"
    r"[Cc]onnection (?:closed by remote host|reset by peer)))"
)


_NO_METHODS = ("No supported authentication methods", "No authentication methods")

Remembered = tuple[str, str, bool, list[str]]
"""A process: its text, its peer, whether a failure is owed, and who failed."""


@dataclass(slots=True)
class Login:
    """What a message says."""

    host: str = ""
    user: str = ""
    outcome: str = ""
    """`success` or `failure` of one try to log in; each try is told once."""
    offence: str = ""
    """`failure`: someone tried to log in and may not. `suspicion`: a connection as scanners
    make it."""


@dataclass(slots=True)
class _Session:
    peer: str = ""
    owed: bool = False
    """Whether there was a failure of which no message named the host so far."""
    users: set[str] = field(default_factory=set)
    """Who failed as far as PAM says."""


class Sessions:
    """The server's processes, each told apart by a text."""

    def __init__(self) -> None:
        self._known: OrderedDict[str, _Session] = OrderedDict()
        self._heard: dict[str, None] = {}
        """Those of them that were heard of since `changes` was asked."""

    def see(self, process: str, message: str) -> Login:
        """Take the next message of a process."""
        session = self._known.pop(process, None) or _Session()
        self._known[process] = session
        self._heard.pop(process, None)
        self._heard[process] = None
        if len(self._known) > _MOST:
            self._heard.pop(self._known.popitem(last=False)[0], None)
        if len(message) > _LONGEST:
            return Login()
        text = _KERNEL.sub("", message, count=1)
        found = _read(session, text.rstrip())
        found.host = _plain(found.host)
        # Blanks at the end are counted: a stranger's, of whom the rest was cut off.
        full = len(text.encode("utf-8", "replace")) >= _FULL
        if full and found.host != session.peer and not _IN_FRONT.match(text):
            found.host = ""
        if found.host:
            session.peer = found.host
        return found

    def changes(self) -> list[Remembered]:
        """What is remembered of those that were heard of since the last call."""
        found, self._heard = [self._remembered(each) for each in self._heard], {}
        return found

    def state(self) -> list[Remembered]:
        """What is remembered of all."""
        return [self._remembered(each) for each in self._known]

    def restore(self, state: Iterable[Remembered]) -> None:
        """Take what `state` gave, then each of the `changes` since."""
        for process, peer, owed, users in state:
            self._known.pop(process, None)
            self._known[process] = _Session(peer, owed, set(users))
            if len(self._known) > _MOST:
                self._known.popitem(last=False)

    def _remembered(self, process: str) -> Remembered:
        session = self._known[process]
        return process, session.peer, session.owed, sorted(session.users)


def _read(session: _Session, message: str) -> Login:
    if found := _TRIED.match(message):
        return _tried(session, message, found)
    if match := _CONNECTION.fullmatch(message):
        session.owed, session.users = False, set()
        return Login(match[1])
    if match := _DROPPED.fullmatch(message):
        # That a server has too many connections is nobody's fault; a penalty is for what was told.
        return Login(match[1], "", "", "suspicion" if match[2] else "")
    if match := _REMOTE.match(message):
        session.peer = _plain(match[1])
        return Login()
    for form, user, host in (
        (_PAM, 2, 3), (_INVALID, 1, 2), (_NOT_ALLOWED, 1, 2), (_MAXIMUM, 1, 2),
    ):  # fmt: skip
        if match := form.fullmatch(message):
            return Login(match[host], match[user], "", "failure")
    for form in (_REFUSED, _ROOT):
        if match := form.fullmatch(message):
            return Login(match[1], "", "", "failure")
    if match := _PAM_UNIX.fullmatch(message):
        return _pam(session, match[3] or match[1], match[2])
    if _LOCKED.fullmatch(message):
        session.owed = True
        return Login()
    return _ended(session, message)


def _ended(session: _Session, message: str) -> Login:
    """How a connection ended."""
    if match := _TOO_MANY.fullmatch(message):
        session.owed = not session.peer
        return Login(session.peer, match[1] or "", "", "failure" if session.peer else "")
    if message.startswith(("Disconnecting authenticating user ", "Disconnecting invalid user ")):
        hosts = _DISCONNECTING.findall(message)
        return Login(_agreed(session, hosts), "", "", "failure") if hosts else Login()
    if match := _CLOSED.fullmatch(message):
        if not match[3]:
            return Login(match[2])
        return Login(match[2], "", "", _settled(session))
    if match := _DISCONNECT.match(message):
        code, words = match[2], match[3].strip().removesuffix("[preauth]").rstrip()
        offence = ""
        if code == "3" and words.endswith("Auth fail"):
            offence = "failure"
        elif message.endswith("[preauth]") and session.owed:
            offence = _settled(session)
        elif code == "14" and words.startswith(_NO_METHODS):
            offence = "suspicion"
        return Login(match[1], "", "", offence)
    if match := _CLOSED_USER.fullmatch(message):
        return Login(match[2], match[1], "", "suspicion")
    if match := _SCANNED.fullmatch(message) or _NEGOTIATE.match(message):
        return Login(match[1], "", "", "suspicion")
    if _FATAL.match(message) and session.peer:
        return Login(session.peer, "", "", "suspicion")
    return Login()


def _tried(session: _Session, message: str, found: re.Match[str]) -> Login:
    """`Failed password for x from ...`, `Accepted publickey for x from ...`."""
    ends = list(_FROM.finditer(message, found.end()))
    # The server has written the port for long; without one it is the stranger's text, if there
    # is one with it.
    ends = [each for each in ends if each[2]] or ends
    host = _agreed(session, [each[1] for each in ends])
    user = ""
    if len(ends) == 1 or host:
        end = next(each for each in ends if len(ends) == 1 or _plain(each[1]) == host)
        user = message[found.end() : end.start()]
    if found[1] == "Accepted":
        others = session.users - {user}
        session.owed, session.users = False, set()
        return Login(host, user, "success", "failure" if others else "")
    if found[2] == "publickey" and not found[3]:
        # A client with several keys tries one after the other; to fail with some is no failure.
        return Login(host, user)
    return Login(host, user, "failure", "failure")


def _pam(session: _Session, user: str, host: str) -> Login:
    """PAM asks several modules, so a failure of one may be none; another user is another try."""
    other = bool(session.users - {user})
    session.users.add(user[:100])
    if len(session.users) > 100:
        session.users.clear()
    return Login(host, user, "", "failure" if other else "")


def _settled(session: _Session) -> str:
    owed, session.owed = session.owed, False
    return "failure" if owed else "suspicion"


def _agreed(session: _Session, hosts: list[str]) -> str:
    """The one host, or of several that of the same process before."""
    plain = {_plain(each) for each in hosts}
    if len(plain) == 1:
        return plain.pop()
    return session.peer if session.peer in plain else ""


def _plain(host: str) -> str:
    """An IPv4 address that is written as one of version 6."""
    return host[7:] if host.lower().startswith("::ffff:") and "." in host else host
