"""What somebody may do to seven sealed days, with and without the key."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
from pathlib import Path

from tests.seal.chains import KEY, ORIGIN, OTHER, chain, contents, fill, names

from tocsin.bundle import seal_day
from tocsin.seal import (
    Checkpoint,
    Frontier,
    leaf_hash,
    private_key_text,
    read_checkpoint,
    sign,
    sign_checkpoint,
)

DAYS = names(7)
FIRST, MIDDLE, LAST = DAYS[0], DAYS[3], DAYS[6]
ATTACKS = {}
"""By name; each takes the evidence folder and a folder of its own outside it."""
NEED_ANCHOR = set()
SCRIPT_IS_BLIND = set()
"""Those that verify.sh says it leaves to the command."""


def attack(function=None, *, anchor=False, blind=False):
    def put(made):
        name = made.__name__.replace("_", " ")
        ATTACKS[name] = made
        if anchor:
            NEED_ANCHOR.add(name)
        if blind:
            SCRIPT_IS_BLIND.add(name)
        return made

    return put(function) if function else put


def write(path, data):
    path.unlink(missing_ok=True)
    path.write_bytes(data)


def reseal(root, day, manifest, key=KEY):
    """What the holder of a key can do: sign any manifest, and a checkpoint that fits."""
    write(root / day / "SHA256SUMS", manifest)
    write(root / day / "SHA256SUMS.sig", sign(manifest, key))
    tree = Frontier()
    for each in DAYS[: DAYS.index(day) + 1]:
        tree.add(leaf_hash(each, (root / each / "SHA256SUMS").read_bytes()))
    origin = read_checkpoint((root / day / "checkpoint").read_bytes()).origin
    write(root / day / "checkpoint", sign_checkpoint(Checkpoint(origin, tree.size, tree.root), key))
    (root / day / "checkpoint.cosig").unlink(missing_ok=True)


def manifest(root, day=LAST):
    return (root / day / "SHA256SUMS").read_bytes()


@attack
def swap_two_files_of_a_day(root, _out):
    a, b = root / MIDDLE / "control-0.json", root / MIDDLE / "control-1.json"
    a.rename(root / "x"), b.rename(a), (root / "x").rename(b)


@attack
def swap_a_file_between_days(root, _out):
    a, b = root / FIRST / "control-0.json", root / LAST / "control-0.json"
    a.rename(root / "x"), b.rename(a), (root / "x").rename(b)


@attack
def swap_two_days(root, _out):
    a, b = root / DAYS[2], root / MIDDLE
    a.rename(root / "x"), b.rename(a), (root / "x").rename(b)


@attack
def swap_the_last_two_days(root, _out):
    a, b = root / DAYS[5], root / LAST
    a.rename(root / "x"), b.rename(a), (root / "x").rename(b)


@attack
def rename_a_file(root, _out):
    (root / MIDDLE / "control-0.json").rename(root / MIDDLE / "control-9.json")


@attack
def rename_the_last_day(root, _out):
    (root / LAST).rename(root / "20261204")


@attack
def rename_the_first_day(root, _out):
    (root / FIRST).rename(root / "20261126")


@attack
def shift_all_days_by_one(root, _out):
    for day, after in zip(reversed(DAYS), reversed([*DAYS[1:], "20261204"]), strict=True):
        (root / day).rename(root / after)


@attack
def replay_the_signature_of_yesterday(root, _out):
    write(root / LAST / "SHA256SUMS.sig", (root / DAYS[5] / "SHA256SUMS.sig").read_bytes())


@attack
def replay_manifest_and_signature_of_yesterday(root, _out):
    for name in ("SHA256SUMS", "SHA256SUMS.sig"):
        write(root / LAST / name, (root / DAYS[5] / name).read_bytes())


@attack
def replay_all_of_yesterday_as_today(root, _out):
    shutil.rmtree(root / LAST)
    shutil.copytree(root / DAYS[5], root / LAST)


@attack
def replay_yesterday_as_tomorrow(root, _out):
    shutil.copytree(root / LAST, root / "20261204")


@attack
def replay_the_checkpoint_of_yesterday(root, _out):
    write(root / LAST / "checkpoint", (root / DAYS[5] / "checkpoint").read_bytes())


@attack
def the_cosignature_of_another_day(root, _out):
    write(root / DAYS[1] / "checkpoint.cosig", (root / DAYS[2] / "checkpoint.cosig").read_bytes())


@attack
def a_cosignature_goes(root, _out):
    (root / MIDDLE / "checkpoint.cosig").unlink()


@attack
def a_time_stamp_comes_later_than_the_next_day(root, _out):
    (root / MIDDLE / "checkpoint.tsr").write_bytes(b"0")


@attack(blind=True)
def the_cosignature_of_yesterday_on_the_last_day(root, _out):
    write(root / LAST / "checkpoint.cosig", (root / DAYS[5] / "checkpoint.cosig").read_bytes())


@attack
def sign_a_day_with_another_key(root, _out):
    write(root / LAST / "SHA256SUMS.sig", sign(manifest(root), OTHER))


@attack
def sign_day_and_checkpoint_with_another_key(root, _out):
    reseal(root, LAST, manifest(root), OTHER)


@attack
def sign_the_checkpoint_with_another_key(root, _out):
    found = read_checkpoint((root / LAST / "checkpoint").read_bytes())
    write(root / LAST / "checkpoint", sign_checkpoint(found, OTHER))


@attack
def seal_all_days_anew_with_another_key(root, _out):
    shutil.rmtree(root)
    chain(root, 7, key=OTHER)


def sign_by_hand(root, out, *options):
    (out / "key").write_bytes(private_key_text(KEY))
    (out / "key").chmod(0o600)
    target = out / "SHA256SUMS"
    target.write_bytes(manifest(root))
    subprocess.run(["ssh-keygen", "-q", "-Y", "sign", "-f", out / "key", *options, target],
                   check=True, capture_output=True)  # fmt: skip
    write(root / LAST / "SHA256SUMS.sig", (out / "SHA256SUMS.sig").read_bytes())


@attack
def sign_in_another_namespace(root, out):
    sign_by_hand(root, out, "-n", "file")


@attack
def sign_over_another_hash(root, out):
    sign_by_hand(root, out, "-n", "tocsin-evidence", "-O", "hashalg=sha256")


@attack
def seal_all_days_anew_under_another_name(root, _out):
    shutil.rmtree(root)
    chain(root, 7, origin="evidence@elsewhere")


@attack(anchor=True)
def rewrite_history_with_the_stolen_key(root, _out):
    shutil.rmtree(root)
    chain(root, 7, files=2)


@attack(anchor=True)
def rewrite_the_last_day_with_the_stolen_key(root, _out):
    shutil.rmtree(root / LAST)
    fill(root, LAST, 1)
    seal_day(root, LAST, KEY, ORIGIN, contents)


@attack(anchor=True)
def rewrite_longer_history_with_the_stolen_key(root, _out):
    shutil.rmtree(root)
    chain(root, 9, files=1)


@attack
def remove_the_first_day(root, _out):
    shutil.rmtree(root / FIRST)


@attack
def remove_the_first_three_days(root, _out):
    for day in DAYS[:3]:
        shutil.rmtree(root / day)


@attack
def remove_a_middle_day(root, _out):
    shutil.rmtree(root / MIDDLE)


@attack
def remove_every_other_day(root, _out):
    for day in DAYS[1::2]:
        shutil.rmtree(root / day)


@attack(anchor=True)
def remove_the_last_day(root, _out):
    shutil.rmtree(root / LAST)


@attack(anchor=True)
def remove_all_days_but_the_first(root, _out):
    for day in DAYS[1:]:
        shutil.rmtree(root / day)


@attack
def remove_all_days(root, _out):
    for day in DAYS:
        shutil.rmtree(root / day)


@attack
def take_the_seal_off_a_middle_day(root, _out):
    for name in ("SHA256SUMS", "SHA256SUMS.sig", "checkpoint", "checkpoint.cosig"):
        (root / MIDDLE / name).unlink(missing_ok=True)


@attack(anchor=True)
def take_the_seal_off_the_last_day(root, _out):
    for name in ("SHA256SUMS", "SHA256SUMS.sig", "checkpoint", "checkpoint.cosig"):
        (root / LAST / name).unlink(missing_ok=True)


def removal(name, day, label):
    def made(root, _out):
        (root / day / name).unlink()

    made.__name__ = f"remove_{name}_of_the_{label}_day"
    attack(made)


for _name in ("SHA256SUMS", "SHA256SUMS.sig", "checkpoint", "day.json", "ledger.jsonl", "verify.sh",
              "README.txt", "control-0.json"):  # fmt: skip
    for _day, _label in ((FIRST, "first"), (MIDDLE, "middle"), (LAST, "last")):
        removal(_name, _day, _label)


@attack
def a_file_becomes_a_link_to_its_copy(root, out):
    path = root / MIDDLE / "control-0.json"
    shutil.move(path, out / "copy")
    path.symlink_to(out / "copy")


@attack
def a_day_becomes_a_link_to_its_copy(root, out):
    shutil.move(root / LAST, out / "copy")
    (root / LAST).symlink_to(out / "copy")


@attack
def the_manifest_becomes_a_link(root, out):
    path = root / LAST / "SHA256SUMS"
    shutil.move(path, out / "copy")
    path.symlink_to(out / "copy")


@attack
def the_folder_raw_becomes_a_link(root, out):
    shutil.move(root / LAST / "raw", out / "raw")
    (root / LAST / "raw").symlink_to(out / "raw")


@attack
def a_link_to_nowhere(root, _out):
    (root / LAST / "more.json").symlink_to("/nowhere/at/all")


@attack
def a_link_in_the_root(root, _out):
    (root / "20261204").symlink_to(root / LAST)


@attack
def a_hard_link_from_outside(root, out):
    os.link(root / MIDDLE / "control-0.json", out / "mine")


@attack
def a_pipe_in_the_place_of_a_file(root, _out):
    (root / LAST / "control-0.json").unlink()
    os.mkfifo(root / LAST / "control-0.json")


@attack
def a_pipe_in_the_place_of_the_manifest(root, _out):
    (root / LAST / "SHA256SUMS").unlink()
    os.mkfifo(root / LAST / "SHA256SUMS")


@attack
def a_pipe_in_the_root(root, _out):
    os.mkfifo(root / "20261204")


@attack
def a_socket(root, _out):
    here = Path.cwd()
    os.chdir(root / LAST)
    try:
        with socket.socket(socket.AF_UNIX) as one:
            one.bind("s")
    finally:
        os.chdir(here)


@attack
def a_folder_in_the_place_of_a_file(root, _out):
    (root / LAST / "control-0.json").unlink()
    (root / LAST / "control-0.json").mkdir()


@attack
def a_file_in_the_place_of_a_day(root, _out):
    shutil.rmtree(root / LAST)
    (root / LAST).write_text("")


def addition(name, label, data=b"x"):
    def made(root, _out):
        path = root / os.fsdecode(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)

    made.__name__ = f"add_{label}"
    attack(made)


_IN = LAST.encode()
addition(_IN + b"/more.json", "a file")
addition(_IN + b"/.hidden", "a dotfile")
addition(_IN + b"/.hidden/x", "a file in a dot folder")
addition(_IN + b"/raw/more", "a file in a folder")
addition(_IN + b"/a/b/c/d/e/f/g", "a file deep down")
addition(_IN + b"/DAY.JSON", "a name in capitals")
addition(_IN + b"/sha256sums", "the manifest in small letters")
addition(_IN + "/control-\uff10.json".encode(), "a name in wide letters")
addition(_IN + "/cont́rol-0.json".encode(), "a name with a combining accent")
addition(_IN + "/control-0\u202enosj.".encode(), "a name that runs backwards")
addition(_IN + b"/control-0.json ", "a name with a blank at the end")
addition(_IN + b"/control-0.json\nx", "a name with a line feed")
addition(_IN + b"/control-0.json\r", "a name with a carriage return")
addition(_IN + b"/\xff\xfe", "a name that is not UTF-8")
addition(_IN + b"/-rf", "a name that looks like an option")
addition(_IN + b"/control-0.json.orig", "a name with another ending", b"")
addition(b"more", "a file in the root")
addition(b".more", "a dotfile in the root")
addition(b".more/x", "a dot folder in the root")
addition(b"20261131/SHA256SUMS", "a day that no calendar has")
addition(b"2026112/x", "a folder that is almost a day")
addition(b"20261126/SHA256SUMS", "an empty day before the first")
addition(b"20261204/SHA256SUMS", "an empty day after the last")
addition(b"20261120/x.json", "an unsealed day before the last")
addition(b".sealing/x", "what an interrupted seal leaves")


def beside(root):
    """A day that waits to be sealed."""
    (root / "20261204").mkdir()
    (root / "20261204/control-0.json").write_text("{}")
    return root / "20261204"


@attack
def a_link_in_an_unsealed_day(root, _out):
    (beside(root) / "link").symlink_to(root / LAST)


@attack
def a_pipe_in_an_unsealed_day(root, _out):
    os.mkfifo(beside(root) / "pipe")


@attack
def a_file_of_holes(root, _out):
    path = root / LAST / "control-0.json"
    path.chmod(0o644)
    os.truncate(path, 1 << 40)


@attack
def a_manifest_of_holes(root, _out):
    path = root / LAST / "SHA256SUMS"
    path.chmod(0o644)
    os.truncate(path, 1 << 40)


@attack
def an_empty_folder(root, _out):
    (root / MIDDLE / "empty").mkdir()


@attack
def an_empty_folder_in_a_folder(root, _out):
    (root / MIDDLE / "raw/empty").mkdir()


@attack
def an_empty_dot_folder(root, _out):
    (root / LAST / ".empty").mkdir()


@attack
def only_the_case_of_a_name_changes(root, _out):
    (root / LAST / "day.json").rename(root / LAST / "Day.json")


@attack
def the_manifest_with_carriage_returns(root, _out):
    write(root / LAST / "SHA256SUMS", manifest(root).replace(b"\n", b"\r\n"))


# From here on the attacker has the key, but the form itself is refused.


def forged(label, change, blind=False):
    def made(root, out):
        reseal(root, LAST, change(manifest(root), root, out))

    made.__name__ = f"forge_{label}"
    attack(made, blind=blind)


def line_for(root, path, name):
    done = subprocess.run(["sha256sum", path], capture_output=True, text=True, check=True)
    return f"{done.stdout[:64]}  {name}\n".encode()


def outside(manifest_, root, out):
    (out / "mine").write_text("mine")
    up = os.path.relpath(out / "mine", root / LAST)
    return manifest_ + line_for(root, out / "mine", up)


def absolute(manifest_, root, out):
    (out / "mine").write_text("mine")
    return manifest_ + line_for(root, out / "mine", out / "mine")


def without(name):
    def change(manifest_, root, _out):
        return b"".join(
            x for x in manifest_.splitlines(True) if not x.endswith(f"  {name}\n".encode())
        )

    return change


def without_and_gone(name):
    def change(manifest_, root, out):
        (root / LAST / name).unlink()
        return without(name)(manifest_, root, out)

    return change


def first_line_twice(manifest_, _root, _out):
    return b"".join([*manifest_.splitlines(True), manifest_.splitlines(True)[-1]])


forged("a path that leads out", outside)
forged("an absolute path", absolute)
forged("carriage returns", lambda m, _r, _o: m.replace(b"\n", b"\r\n"))
forged("the same file twice", first_line_twice)
forged("a list without one file", without("control-0.json"))
forged("a list without the ledger", without_and_gone("ledger.jsonl"))
forged("a list without day json", without_and_gone("day.json"))
forged("a list without the chain", lambda m, _r, _o: b"".join(
    x for x in m.splitlines(True) if b"  ../" not in x))  # fmt: skip
forged("a list without the signature of the day before", without(f"../{DAYS[5]}/SHA256SUMS.sig"))
forged("a chain to an older day", lambda m, _r, _o: m.replace(DAYS[5].encode(), DAYS[4].encode()))
forged("hashes in capitals", lambda m, _r, _o: b"".join(
    x[:64].upper() + x[64:] for x in m.splitlines(True)))  # fmt: skip
forged("names marked as binary", lambda m, _r, _o: m.replace(b"  ", b" *"))
forged("a comment", lambda m, _r, _o: b"# all is well\n" + m)
forged("an empty line", lambda m, _r, _o: b"\n" + m)
forged("an escaped name", lambda m, _r, _o: b"\\" + m)
forged("a name with a dot before", lambda m, _r, _o: m.replace(b"  day.json", b"  ./day.json"))
forged("a way up and down again", lambda m, _r, _o: m.replace(b"  day.json", b"  raw/../day.json"))
forged("no line feed at the end", lambda m, _r, _o: m[:-1], blind=True)
forged("lines out of order", lambda m, _r, _o: b"".join(reversed(m.splitlines(True))), blind=True)
forged("an empty list", lambda _m, _r, _o: b"")
