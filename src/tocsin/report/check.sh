#!/bin/sh
# Checks an auditor's sample with sha256sum (or shasum), ssh-keygen and the like; no other program.
#
#   cd sample
#   sh check.sh ALLOWED_SIGNERS [ANCHOR]
#
# ALLOWED_SIGNERS  whose signatures count; it must come from outside this folder
# ANCHOR           the three lines you kept: the proofs must lead to that very checkpoint
#
# Exit codes: 0 all is well; 1 it is not; 2 wrong call; 5 all is well, but without an anchor.

LC_ALL=C TZ=UTC0
export LC_ALL TZ
umask 077
[ $# -ge 1 ] && [ $# -le 2 ] || { echo "usage: sh check.sh ALLOWED_SIGNERS [ANCHOR]" >&2; exit 2; }
signers=$1 anchor=${2-}
for each in "$signers" "$anchor"; do
  [ -z "$each" ] || [ -f "$each" ] || { echo "can't read $each" >&2; exit 2; }
done
command -v sha256sum >/dev/null || sha256sum() { shasum -a 256 "$@"; }
for each in sha256sum ssh-keygen find sed sort grep cut tr cmp head base64 mktemp rm; do
  command -v "$each" >/dev/null || { echo "$each is missing: nothing was checked" >&2; exit 2; }
done
tmp=$(mktemp -d) || exit 2
trap 'rm -rf -- "$tmp"' EXIT
trap 'exit 2' HUP INT TERM
: >"$tmp/faults"
fault() { printf '%s\n' "$*" | tr -cd '\012\040-\176' >>"$tmp/faults"; }
finish() {
  # A full disk must not look like a sample without a fault.
  word=''
  echo end >"$tmp/end" && read -r word <"$tmp/end"
  [ "$word" = end ] || { echo "can't write to $tmp: nothing was checked" >&2; exit 2; }
  if [ -s "$tmp/faults" ]; then
    sed 's/^/FAULT  /' "$tmp/faults"
    echo "ALTERED: this is not what was drawn and sealed"
    exit 1
  fi
}

find . ! -type d ! -type f | sed 's/^/not a regular file: /' >>"$tmp/faults"
finish

# The draw, again: the smallest SHA-256 of seed, line feed, day.
seed=$(cat seed)
count=$(grep -c . drawn)
sed 1d population.csv | cut -d, -f1 >"$tmp/days"
while read -r day; do
  case $day in *[!0-9]* | '') fault "population.csv: not a day: $day"; continue ;; esac
  printf '%s %s\n' "$(printf '%s\n%s' "$seed" "$day" | sha256sum | cut -c1-64)" "$day"
done <"$tmp/days" | sort | head -n "$count" | cut -d' ' -f2 | sort >"$tmp/drawn"
cmp -s "$tmp/drawn" drawn || fault "drawn: not the days that this seed draws of population.csv"
sort -u "$tmp/days" | cmp -s - "$tmp/days" || fault "population.csv: days twice or out of order"

{ read -r origin; read -r size; read -r root; } <checkpoint
case $origin in *[!A-Za-z0-9._/@-]* | '') fault "checkpoint: not a name" ;; esac
if [ -n "$anchor" ]; then
  head -n 3 "$anchor" >"$tmp/anchor"
  cmp -s checkpoint "$tmp/anchor" || fault "checkpoint: not the anchor"
fi
finish

bytes_of() { # hex $1 -> $bytes, as escapes for printf
  hex=$1 bytes=''
  while [ -n "$hex" ]; do
    rest=${hex#??}
    byte=$((0x${hex%"$rest"}))
    bytes="$bytes\\$((byte >> 6))$((byte >> 3 & 7))$((byte & 7))"
    hex=$rest
  done
}
hash_of() { # of the escapes $1 -> $bytes
  bytes_of "$(printf "$1" | sha256sum | cut -c1-64)"
}

checked=0 absent='' removed=''
while read -r day; do
  if [ ! -f "proofs/$day" ]; then
    grep -q "^$day,no," population.csv || fault "$day: sealed, but not here"
    absent="$absent $day"
    continue
  fi
  ssh-keygen -Y verify -f "$signers" -I "$origin" -n tocsin-evidence -s "$day/SHA256SUMS.sig" \
    -O "verify-time=${day}235959" <"$day/SHA256SUMS" >/dev/null 2>&1 ||
    fault "$day/SHA256SUMS.sig: no signature of this file by an allowed signer"
  if [ -e "$day/tombstone" ]; then
    removed="$removed $day"
    grep -q "^$day,removed," population.csv || fault "$day: has a tombstone, but population.csv does not say so"
    moment=$(sed -n 's/^removed //p' "$day/tombstone" | tr -cd 0-9)
    ssh-keygen -Y verify -f "$signers" -I "$origin" -n tocsin-evidence -s "$day/tombstone.sig" \
      -O "verify-time=$moment" <"$day/tombstone" >/dev/null 2>&1 ||
      fault "$day/tombstone.sig: no signature of this file by an allowed signer"
    hash=$(sha256sum <"$day/SHA256SUMS")
    printf 'day %s\nmanifest %s\n' "$day" "${hash%% *}" >"$tmp/stone"
    sed -n 2,3p "$day/tombstone" | cmp -s - "$tmp/stone" || fault "$day/tombstone: not of this day"
    grep -E '  (\.\./.*|custody\.jsonl|holds)$' "$day/SHA256SUMS" >"$tmp/sums"
  else
    checked=$((checked + 1))
    cat "$day/SHA256SUMS" >"$tmp/sums"
  fi
  [ ! -s "$tmp/sums" ] || (cd "$day" && sha256sum -c "$tmp/sums" >/dev/null 2>&1) ||
    fault "$day: files differ from SHA256SUMS"
  { sed -e 's|^.\{66\}||' -e '/^\.\./d' "$tmp/sums"
    for name in tombstone tombstone.sig; do [ ! -f "$day/$name" ] || echo "$name"; done
    for name in SHA256SUMS SHA256SUMS.sig checkpoint; do echo "$name"; done
    for name in checkpoint.cosig checkpoint.tsr; do [ ! -f "$day/$name" ] || echo "$name"; done
  } | sort >"$tmp/expected"
  (cd "$day" && find . -type f | sed 's|^\./||' | sort) | cmp -s - "$tmp/expected" ||
    fault "$day: files that are not in SHA256SUMS"
  bytes_of "$({ printf '\000%s\n' "$day"; cat "$day/SHA256SUMS"; } | sha256sum | cut -c1-64)"
  node=$bytes
  while read -r side hash; do
    case $hash in *[!a-f0-9]*) side='' ;; esac
    [ "${#hash}" -eq 64 ] || side=''
    bytes_of "$hash"
    case $side in
      left) hash_of "\\001$bytes$node" ;;
      right) hash_of "\\001$node$bytes" ;;
      *) fault "proofs/$day: not a proof"; break ;;
    esac
    node=$bytes
  done <"proofs/$day"
  [ "$(printf "$node" | base64 | tr -d '\012')" = "$root" ] ||
    fault "$day: its proof does not lead to the root of the checkpoint"
done <drawn
finish
echo "$checked of $count days drawn of $(grep -c . "$tmp/days") are the days that were sealed, of $size in all"
[ -z "$removed" ] || echo "REMOVED under the retention policy, so that only their hashes are here:$removed"
[ -z "$absent" ] || echo "NOT SEALED:$absent; each is an exception"
[ -n "$anchor" ] && exit 0
echo "UNANCHORED: no anchor was given, so whoever has the key could have written all of it anew"
exit 5
