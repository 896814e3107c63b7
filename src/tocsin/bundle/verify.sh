#!/bin/sh
# Checks all sealed days of the evidence folder it is called in, with the tools of any Unix:
# sha256sum (or shasum), ssh-keygen 8.9, openssl 3, find, sed, awk, sort and the like.
#
#   cd evidence
#   sh 20261121/verify.sh ALLOWED_SIGNERS [ANCHOR [TSA_ROOT]]
#
# ALLOWED_SIGNERS  whose signatures count; it must come from outside this folder
# ANCHOR           a checkpoint that you kept earlier: three lines, name, days, root
# TSA_ROOT         certificate (PEM) of the time-stamp authority
#
# Exit codes: 0 all is well; 1 something was altered; 2 wrong call; 5 nothing is altered, but
# no anchor was given, so nobody can see whether days are missing at the end.
#
# A day whose files were removed under the retention policy has a signed tombstone in their place. It is
# named, and its hashes, custody log and holds are checked, but it does not count as a day that was checked.
#
# Run a copy that you trust: whoever alters the evidence can alter this file too.
# Not checked here, but by `tocsin evidence verify`: that the entries of the ledger follow each
# other, that day.json says what the folder says, that SHA256SUMS is sorted, cosignatures, that the
# words in tombstones and holds are short and printable beyond ASCII, and the form, roots and signatures
# of checkpoints and the time stamps before the last (the next day's signature covers their bytes).

LC_ALL=C TZ=UTC0
export LC_ALL TZ
umask 077
[ $# -ge 1 ] && [ $# -le 3 ] || { echo "usage: sh verify.sh ALLOWED_SIGNERS [ANCHOR [TSA_ROOT]]" >&2; exit 2; }
signers=$1 anchor=${2-} tsa=${3-}
for each in "$signers" "$anchor" "$tsa"; do
  [ -z "$each" ] || [ -f "$each" ] || { echo "can't read $each" >&2; exit 2; }
done
command -v sha256sum >/dev/null || sha256sum() { shasum -a 256 "$@"; }
for each in sha256sum ssh-keygen openssl find sed sort uniq grep cut tr cat cmp head tail base64 \
  wc mktemp mkdir rm awk; do
  command -v "$each" >/dev/null || { echo "$each is missing: nothing was checked" >&2; exit 2; }
done
[ "$(echo x | grep -a x)" = x ] || { echo "grep does not know -a: nothing was checked" >&2; exit 2; }
grep -a -v '^[[:blank:]]*#' "$signers" | grep -a 'ssh-ed25519[[:blank:]]' >/dev/null ||
  { echo "no Ed25519 key in $signers: nothing was checked" >&2; exit 2; }
tmp=$(mktemp -d) || exit 2
trap 'rm -rf -- "$tmp"' EXIT
trap 'exit 2' HUP INT TERM

# The anchor as it came, by mail perhaps: a byte order mark, other line ends and blanks at the end of lines do
# not count.
if [ -n "$anchor" ]; then
  head -n 3 "$anchor" | sed "1s/^$(printf '\357\273\277')//;s/[ $(printf '\t\r')]*\$//" >"$tmp/anchor"
  { IFS= read -r kept_name; IFS= read -r kept_size; IFS= read -r kept_root; } <"$tmp/anchor"
  case $kept_name in *[!A-Za-z0-9._/@-]* | '') kept_size='' ;; esac
  case $kept_size in '' | 0?* | *[!0-9]* | ??????????*) kept_root='' ;; esac
  printf '%s\n' "$kept_root" | grep -E '^[A-Za-z0-9+/]{42}[AEIMQUYcgkosw048]=$' >/dev/null ||
    { echo "$anchor is not a checkpoint, which begins with name, days and root: nothing was checked" >&2; exit 2; }
fi
: >"$tmp/faults"
fault() { printf '%s\n' "$*" >>"$tmp/faults"; }
faults() { sed "s|^|$1|" >>"$tmp/faults"; }
only_second() { sort "$1" "$1" "$2" | uniq -u; }
no_zeros() { # in the files $2..., of the kind $1: line tools would stop reading there
  kind=$1
  shift
  [ "$(cat "$@" /dev/null | wc -c)" -eq "$(cat "$@" /dev/null | tr -d '\000' | wc -c)" ] || fault "$kind: not text"
}
finish() {
  # A full disk must not look like evidence without a fault.
  word=''
  echo end >"$tmp/end" && read -r word <"$tmp/end"
  [ "$word" = end ] || { echo "can't write to $tmp: nothing was checked" >&2; exit 2; }
  if [ -s "$tmp/faults" ]; then
    tr -cd '\012\040-\176' <"$tmp/faults" | sed 's/^/FAULT  /'
    echo "ALTERED: these are not the days that were sealed"
    exit 1
  fi
}

# Only folders and regular files with one name. Nothing else is opened: a pipe would hang.
find . ! -type d ! -type f | faults "not a regular file: "
find . -type f -links +1 | faults "hard link: "
find . -type f -size +524288 | faults "larger than 256 MiB: "
finish

month_length() { # of the month $m of $y -> $length
  case $m in
    4 | 6 | 9 | 11) length=30 ;;
    2) length=28; [ $((y % 4)) -eq 0 ] && { [ $((y % 100)) -ne 0 ] || [ $((y % 400)) -eq 0 ]; } && length=29 ;;
    *) length=31 ;;
  esac
}

parts_of() { # of $1, YYYYMMDD -> $y $m $d
  y=${1%????} d=${1#??????} m=${1#????}
  m=${m%??} m=${m#0} d=${d#0}
}

in_calendar() { # whether $1, eight digits, is a day
  parts_of "$1"
  month_length
  [ "$m" -ge 1 ] && [ "$m" -le 12 ] && [ "$d" -ge 1 ] && [ "$d" -le "$length" ]
}

day_after() { # of $1 -> $next
  parts_of "$1"
  month_length
  d=$((d + 1))
  [ "$d" -le "$length" ] || { d=1 m=$((m + 1)); }
  [ "$m" -le 12 ] || { m=1 y=$((y + 1)); }
  next=$((y * 10000 + m * 100 + d))
}

day_before() { # of $1 -> $before
  parts_of "$1"
  d=$((d - 1))
  [ "$d" -ge 1 ] || m=$((m - 1))
  [ "$m" -ge 1 ] || { m=12 y=$((y - 1)); }
  month_length
  [ "$d" -ge 1 ] || d=$length
  before=$((y * 10000 + m * 100 + d))
}

days_of() { # of $1, YYYYMMDD -> $number, counted from some day long ago
  parts_of "$1"
  [ "$m" -gt 2 ] || { m=$((m + 12)) y=$((y - 1)); }
  number=$((365 * y + y / 4 - y / 100 + y / 400 + (153 * m - 457) / 5 + d))
}

number_of() { # the time $1 -> $moment, its digits
  moment=$1
  for each in - - T : :; do moment=${moment%%"$each"*}${moment#*"$each"}; done
  moment=${moment%Z}
}

# A day is sealed if it has any part of a seal; days after the last sealed one are not yet.
days='' unsealed=''
for day in *; do
  case $day in
    2[0-9][0-9][0-9][0-9][0-9][0-9][0-9]) ;;
    *) fault "does not belong here: $day"; continue ;;
  esac
  in_calendar "$day" || fault "does not belong here: $day"
  [ -d "$day" ] || fault "not a folder: $day"
  if [ -e "$day/SHA256SUMS" ] || [ -e "$day/SHA256SUMS.sig" ] || [ -e "$day/checkpoint" ] ||
    [ -e "$day/checkpoint.cosig" ] || [ -e "$day/checkpoint.tsr" ]; then
    [ -z "$unsealed" ] || fault "not sealed, but a later day is:$unsealed"
    days="$days $day" unsealed=''
  else
    unsealed="$unsealed $day"
  fi
done
[ -n "$days" ] || fault "no sealed day here"
finish

# A name with a line feed would look like two names below. What is not sealed is left out from here on.
set --
for each in $unsealed; do set -- "$@" ! -path "./$each" ! -path "./$each/*"; done
find . -name '*
*' "$@" | faults "a line feed in a name: "
finish

# Each day: its place in the chain, and what has to be signed. Of a day that was removed the tombstone is
# written down anew from what it says: if that is not the same file, it is none.
count=0 before='' origin='' root='' kept='' removed='' holds='' stones=''
mkdir "$tmp/leaves" "$tmp/stones"
for each in pairs signed wanted removed told hashes; do : >"$tmp/$each"; done
for day in $days; do
  count=$((count + 1))
  for name in SHA256SUMS SHA256SUMS.sig checkpoint; do
    [ -f "$day/$name" ] || fault "$day/$name: missing"
  done
  finish
  { read -r name; read -r size; read -r root; } <"$day/checkpoint"
  [ -n "$origin" ] || origin=$name
  case $name in *[!A-Za-z0-9._/@-]* | '') fault "$day/checkpoint: not a name" ;; esac
  [ "$name" = "$origin" ] || fault "$day/checkpoint: of another name than the days before"
  [ "$size" = "$count" ] || fault "$day/checkpoint: not day number $count, days are missing or too many"
  day_after "$day"
  following=$next
  if [ -n "$before" ]; then
    [ "$expected" = "$day" ] || fault "the days between $before and $day are missing"
    echo "$day $before" >>"$tmp/pairs"
  fi
  echo "$day/SHA256SUMS ${day}235959" >>"$tmp/signed"
  if [ -e "$day/tombstone" ] || [ -e "$day/tombstone.sig" ]; then
    removed="$removed $day/SHA256SUMS"
    if [ -f "$day/tombstone" ] && [ -f "$day/tombstone.sig" ]; then
      stones="$stones $day/tombstone.sig"
      {
        read -r _; read -r _; read -r _ manifest; read -r _ ledger; read -r _ policy; read -r _ moment
        read -r _ by; read -r _ log; read -r _ reason
      } <"$day/tombstone"
      printf 'tocsin-tombstone/1\nday %s\nmanifest %s\nledger %s\npolicy %s\nremoved %s\nby %s\nlog %s\nreason %s\n' \
        "$day" "$manifest" "$ledger" "$policy" "$moment" "$by" "$log" "$reason" >"$tmp/stones/$day"
    else
      fault "$day/tombstone: it and its signature belong together"
    fi
  else
    kept="$kept $day/SHA256SUMS"
  fi
  [ ! -f "$day/holds" ] || holds="$holds $day/holds"
  for name in README.txt day.json ledger.jsonl verify.sh; do echo "$day/$name"; done >>"$tmp/wanted"
  { printf '\000%s\n' "$day"; cat "$day/SHA256SUMS"; } >"$tmp/leaves/$((1000000 + count))"
  before=$day expected=$following
done
last=$before
finish

# Tombstones: their form, and that each is of its day. One a line, for the tools that read lines.
hash='[0-9a-f]{64}' two='[0-5][0-9]'
if [ -n "$stones" ]; then
  cat "$tmp"/stones/* | sed 'N;N;N;N;N;N;N;N;s/\n/	/g' >"$tmp/texts"
  grep -v -E "^tocsin-tombstone/1	day [0-9]{8}	manifest $hash	ledger (0|[1-9][0-9]{0,17}) $hash	policy ([1-9][0-9]{0,2}y|[1-9][0-9]{0,4}d)	removed 2[0-9]{3}-(0[1-9]|1[0-2])-[0-3][0-9]T([01][0-9]|2[0-3]):$two:${two}Z	by [^[:cntrl:]]+	log 2[0-9]{7}	reason [^[:cntrl:]]+\$" "$tmp/texts" |
    faults "not a tombstone: "
  finish
  sed 's|^[^	]*	day \([^	]*\)	manifest \([^	]*\)	.*|\2  \1/SHA256SUMS|' "$tmp/texts" >"$tmp/claims"
  (cd "$tmp/stones" && sha256sum -- *) | sed 's|$|/tombstone|' >"$tmp/hashes"
  cat "$tmp/hashes" >>"$tmp/claims"
  sha256sum -c "$tmp/claims" >"$tmp/sums" 2>/dev/null || {
    grep -v ': OK$' "$tmp/sums" | sed 's|/.*|/tombstone: not a tombstone of this day|' | sort -u | faults ""
    fault "tombstones are not what they should be"
  }
  finish
  sed 's|^[^	]*	day \([^	]*\)	.*	policy \([^	]*\)	removed \([^	]*\)	by .*	log \([0-9]*\)	reason .*|\1 \2 \3 \4|' "$tmp/texts" >"$tmp/removed"
  sed 's|^[^	]*	day \([^	]*\)	.*	policy \([^	]*\)	removed \([^	]*\)	by \([^	]*\)	log [0-9]*	reason \(.*\)|REMOVED  \1: under the policy \2 on \3 by \4: \5|' "$tmp/texts" >"$tmp/told"
  while read -r day _ moment _; do
    number_of "$moment"
    echo "$day/tombstone $moment" >>"$tmp/signed"
  done <"$tmp/removed"
fi

# The signatures, several at once. A file is not signed unless somebody wrote down that it is.
signatures() { # every fourth, beginning with $1
  turn=0
  while read -r name moment; do
    turn=$(((turn + 1) % 4))
    [ "$turn" -ne "$1" ] || {
      ssh-keygen -Y verify -f "$signers" -I "$origin" -n tocsin-evidence -s "$name.sig" \
        -O "verify-time=$moment" <"$name" >/dev/null 2>&1 && echo "$name $moment"
    }
  done <"$tmp/signed" >"$tmp/good$1"
}
for each in 0 1 2 3; do signatures "$each" & done
wait
cat "$tmp"/good? | sort >"$tmp/good"
only_second "$tmp/good" "$tmp/signed" | sed 's| .*|.sig: no signature of this file by an allowed signer|' | faults ""

# Manifests go into one list, but of days that were removed the files are in another. What lasts of such
# a day are its custody log and its holds.
no_zeros SHA256SUMS $kept $removed
finish
listed() { # manifests -> hash, two spaces, day, slash, name
  [ $# -eq 0 ] || grep '' "$@" /dev/null | sed 's|^\([0-9]*\)/SHA256SUMS:\(.\{64\}\)  |\2  \1/|'
}
listed $kept >"$tmp/all"
listed $removed >"$tmp/both"
lasting='^.{66}[0-9]{8}/(\.\./.*|custody\.jsonl|holds)$'
grep -E "$lasting" "$tmp/both" >>"$tmp/all"
grep -v -E "$lasting" "$tmp/both" >"$tmp/gone"
[ "$(cat $kept $removed | wc -l)" -eq "$(cat "$tmp/all" "$tmp/gone" | wc -l)" ] || fault "SHA256SUMS: cut off"

# The list names files of its own day and the ends of the day before, nothing else.
part='[A-Za-z0-9_][A-Za-z0-9._-]*'
ends='(SHA256SUMS|SHA256SUMS\.sig|checkpoint|checkpoint\.cosig|checkpoint\.tsr)'
cat "$tmp/all" "$tmp/gone" | grep -v -E "^[0-9a-f]{64}  [0-9]{8}/(\.\./[0-9]{8}/$ends|$part(/$part){0,3})\$" |
  faults "SHA256SUMS: not a line of ours: "
cat "$tmp/all" "$tmp/gone" | grep -E "^.{66}[0-9]{8}/($ends|tombstone(\.sig)?)\$|[^/ ]{129}" |
  faults "SHA256SUMS: not a line of ours: "
sed -n 's|^.\{66\}\([0-9]\{8\}\)/\.\./\([0-9]\{8\}\)/.*|\1 \2|p' "$tmp/all" | sort -u >"$tmp/found"
sort "$tmp/pairs" "$tmp/found" | uniq -u | faults "does not follow the day before: "
finish

# The files are those of the list, no more and no fewer, and their bytes too.
{
  sed -e 's|^.\{66\}||' -e 's|^[0-9]\{8\}/\.\./||' "$tmp/all"
  for name in SHA256SUMS SHA256SUMS.sig checkpoint; do echo "$last/$name"; done
  for name in checkpoint.cosig checkpoint.tsr; do [ ! -f "$last/$name" ] || echo "$last/$name"; done
  sed 's|^\([0-9]*\) .*|\1/tombstone|p;s|$|.sig|' "$tmp/removed"
} | sort >"$tmp/expected"
cut -c 67- "$tmp/gone" | sort >"$tmp/absent"
uniq -d "$tmp/expected" | faults "named twice: "
tr 'A-Z' 'a-z' <"$tmp/expected" | sort | uniq -d | faults "names that differ by case only: "
find . -type f "$@" | sed 's|^\./||' | sort >"$tmp/found"
sort "$tmp/absent" "$tmp/found" | uniq -d | faults "here, though a tombstone says that it was removed: "
sort "$tmp/absent" "$tmp/expected" >"$tmp/known"
uniq -d "$tmp/known" | faults "named twice: "
only_second "$tmp/known" "$tmp/found" | faults "not in SHA256SUMS: "
only_second "$tmp/found" "$tmp/expected" | faults "missing: "
only_second "$tmp/known" "$tmp/wanted" | faults "not in SHA256SUMS: "
sed -n 's|/[^/]*$||p' "$tmp/expected" | sort -u >"$tmp/folders"
sed -n 's|/[^/]*$||p' "$tmp/folders" | sort -u >"$tmp/folders2"
sed -n 's|/[^/]*$||p' "$tmp/folders2" | sort -u >"$tmp/folders3"
sort -u "$tmp/folders" "$tmp/folders2" "$tmp/folders3" >"$tmp/expected"
find . -type d ! -name . "$@" | sed 's|^\./||' | sort >"$tmp/found"
only_second "$tmp/expected" "$tmp/found" | faults "empty folder: "
finish
sha256sum -c "$tmp/all" >"$tmp/sums" 2>/dev/null || {
  grep -v ': OK$' "$tmp/sums" | faults ""
  fault "files differ from SHA256SUMS"
}

# Signatures have one spelling, and are over a SHA-512, which Ed25519 keys say at one place.
sigs=$stones line='[A-Za-z0-9+/]'
for day in $days; do sigs="$sigs $day/SHA256SUMS.sig"; done
for name in $sigs; do
  { read -r one; read -r two; read -r three; read -r four; read -r five; read -r six; } <"$name"
  printf '%s\n' "$name $one $two $three $four $five $six"
done >"$tmp/sums"
grep -v -E "^[^ ]* -{5}BEGIN SSH SIGNATURE-{5} $line{70} $line{54}aGE1MTIA$line{8} $line{70} $line{36}[AEIMQUYcgkosw048]= -{5}END SSH SIGNATURE-{5}\$" "$tmp/sums" |
  sed 's| .*|: not in the one spelling|' | faults ""
wc -c $sigs | sed -e '/ total$/d' -e '/^ *310 /d' -e 's|^ *[0-9]* \(.*\)|\1: not in the one spelling|' | faults ""

# Holds: one a line; each with the earliest release that any day tells of it.
no_zeros holds $holds
finish
cat $holds /dev/null | sort -u >"$tmp/holds"
time='2[0-9]{3}-(0[1-9]|1[0-2])-[0-3][0-9]T([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]Z'
grep -v -E "^[1-9][0-9]{0,8} 2[0-9]{7} 2[0-9]{7} $time (-|$time)	[^[:cntrl:]]+	[^[:cntrl:]]+\$" "$tmp/holds" |
  faults "holds: not a hold: "
[ "$(cat $holds /dev/null | wc -l)" -eq "$(grep -h '' $holds /dev/null | wc -l)" ] || fault "holds: cut off"
finish
cut -f 1 "$tmp/holds" | sort -u >"$tmp/periods"
sed 's/^[0-9]* //;s/T[^ ]*//g;s/-//g' "$tmp/periods" | tr ' ' '\012' | sort -u >"$tmp/found"
while read -r day; do
  [ -z "$day" ] || in_calendar "$day" || fault "holds: not a day of the calendar: $day"
done <"$tmp/found"
awk '
  NR == FNR { if ($5 != "-" && (!($1 in ends) || $5 < ends[$1])) ends[$1] = $5; next }
  $5 == "-" && ($1 in ends) { $5 = ends[$1] }
  { print }
' "$tmp/periods" "$tmp/periods" >"$tmp/found" || fault "awk failed: holds were not checked"
sort -u "$tmp/found" >"$tmp/held"

# A day has every hold that the day before has, as it was or released since. Most days have the same.
sed -n 's|^\(.\{64\}\)  \([0-9]*\)/holds$|\2 =\1|p' "$tmp/all" | sort >"$tmp/sums"
printf '%s\n' $days | sort - "$tmp/sums" >"$tmp/found"
awk '
  function as_if_open(line, tab, part) {
    tab = index(line, "\t")
    split(substr(line, 1, tab - 1), part, " ")
    return part[1] " " part[2] " " part[3] " " part[4] " -" substr(line, tab)
  }
  function compare(file, line, number, many, now) {
    if (hash == known) return
    known = hash
    file = day "/holds"
    split("", now)
    while (hash != "" && (getline line <file) > 0) {
      number = substr(line, 1, index(line, " ") - 1)
      if (number in now) print file ": names hold " number " twice"
      now[number] = line
      if (++many == 1001) print file ": more than 1,000 lines"
    }
    close(file)
    for (number in before)
      if (!(number in now) || (now[number] != before[number] && as_if_open(now[number]) != before[number]))
        print file ": not in it as the day before has it: " before[number]
    split("", before)
    for (number in now) before[number] = now[number]
  }
  NF == 1 { compare(); day = $1; hash = "" }
  NF == 2 { hash = $2 }
  END { compare() }
' "$tmp/found" >"$tmp/lacking" || fault "awk failed: holds were not checked"
faults "" <"$tmp/lacking"
finish

# What a removal rests on: its age, the day that records it, the policy that was sealed before, no hold.
logs='' known=''
for each in records policies times; do : >"$tmp/$each"; done
while read -r day policy moment log && read -r hash _ <&3; do
  stone=$day/tombstone at=$moment
  number_of "$moment"
  on=${moment%??????} many=${policy%?}
  in_calendar "$on" || { fault "$stone: not a time of the calendar"; continue; }
  case " $days $following " in *" $log "*) ;; *) fault "$stone: recorded with $log, which is no day of the chain"; continue ;; esac
  days_of "$day"; own=$number
  days_of "$log"; logged=$number
  days_of "$on"
  case $policy in
    *y) [ "$on" -gt $((day + many * 10000)) ] ;;
    *) [ $((number - own)) -gt "$many" ] ;;
  esac || fault "$stone: younger than the policy $policy when it was removed"
  apart=$((number - logged))
  [ "${apart#-}" -le 1 ] || fault "$stone: removed on $on, but recorded with $log"
  [ $((logged - own)) -ge 2 ] || fault "$stone: removed before a later day was sealed"
  if [ "$log" = "$following" ]; then
    echo "note: removed, but the record of it is not sealed yet: $day" >>"$tmp/told"
  else
    [ "$log" = "$known" ] || logs="$logs $log/custody.jsonl"
    known=$log
    echo "$log $hash $day" >>"$tmp/records"
  fi
  day_before "$log"
  [ -f "$before/tombstone" ] || echo "$before $policy" >>"$tmp/policies"
  echo "$day $before $at" >>"$tmp/times"
done <"$tmp/removed" 3<"$tmp/hashes"
# Holds of the day before the removal is recorded count whenever they were added; the rest by their times.
cat "$tmp/held" "$tmp/sums" "$tmp/times" >"$tmp/found"
awk '
  function put(at, line, part) {
    split(line, part, " ")
    if (part[5] == "-") part[5] = "9"
    if (part[4] >= part[5]) return at
    name[++at] = part[1]; first[at] = part[2]; last[at] = part[3]; added[at] = part[4]; released[at] = part[5]
    return at
  }
  NF == 5 { top = count = put(count, $0) }
  NF == 2 { hash[$1] = $2 }
  NF == 3 {
    if (hash[$2] != known) {
      known = hash[$2]; file = $2 "/holds"; top = count
      while (known != "" && (getline line <file) > 0) top = put(top, line)
      close(file)
    }
    day = $1; at = $3
    for (i = 1; i <= top; i++)
      if (first[i] <= day && day <= last[i] && at < released[i] && (i > count || added[i] <= at)) {
        print day "/tombstone: removed while hold " name[i] " was in force"
        break
      }
  }
' "$tmp/found" >"$tmp/lacking" || fault "awk failed: removals were not held against the holds"
faults "" <"$tmp/lacking"
if [ -n "$stones" ]; then
  grep -a '"tombstone":"' $logs /dev/null 2>/dev/null |
    sed -n 's|^\([0-9]*\)/custody\.jsonl:.*"tombstone":"\([0-9a-f]\{64\}\)".*|\1 \2|p' | sort -u >"$tmp/found"
  cut -d ' ' -f 1-2 "$tmp/records" | sort -u >"$tmp/expected"
  only_second "$tmp/found" "$tmp/expected" >"$tmp/lacking"
  [ ! -s "$tmp/lacking" ] || grep -F -f "$tmp/lacking" "$tmp/records" |
    sed 's|^\([0-9]*\) .* \([0-9]*\)$|\2/tombstone: \1, which it names, does not record the removal|' | faults ""
  for each in $kept; do printf '%s\n' "${each%/*}/day.json"; done >"$tmp/found"
  grep '^  "retention": "' $(cat "$tmp/found") /dev/null |
    sed -n 's|^\([0-9]*\)/day\.json:  "retention": "\([0-9]*[dy]\)",*$|\1 \2|p' | sort >"$tmp/said"
  cut -d ' ' -f 1 "$tmp/said" | uniq -d | faults "day.json names two policies: "
  sort -u "$tmp/policies" >"$tmp/expected"
  only_second "$tmp/said" "$tmp/expected" |
    sed 's|^\([0-9]*\) \(.*\)$|\1/day.json: names another policy than \2, under which days were removed|' | faults ""
fi

# The checkpoint of the last day has one spelling: no later day covers it.
sed '1d;$d' "$last/SHA256SUMS.sig" | tr -d '\012' | base64 -d >"$tmp/blob" 2>/dev/null
tail -c +34 "$tmp/blob" | head -c 32 >"$tmp/key"
{ printf '\060\052\060\005\006\003\053\145\160\003\041\000'; cat "$tmp/key"; } >"$tmp/key.der"
head -n 3 "$last/checkpoint" >"$tmp/text"
sed -n '5s/^.* //p' "$last/checkpoint" | base64 -d 2>/dev/null | tail -c +5 >"$tmp/signature"
{
  { printf '%s\n\001' "$origin"; cat "$tmp/key"; } | openssl dgst -sha256 -binary | head -c 4
  cat "$tmp/signature"
} | base64 | tr -d '\012' >"$tmp/payload"
{ cat "$tmp/text"; printf '\n\342\200\224 %s ' "$origin"; cat "$tmp/payload"; echo; } |
  cmp -s - "$last/checkpoint" || fault "$last/checkpoint: not in the one spelling"
openssl pkeyutl -verify -rawin -pubin -keyform DER -inkey "$tmp/key.der" \
  -sigfile "$tmp/signature" -in "$tmp/text" >/dev/null 2>&1 ||
  fault "$last/checkpoint: its signature is not one of the key that signed the day"

# The root of the tree over the days (RFC 6962): pairs are hashed until one is left.
bytes_of() { # hex $1 -> $bytes, as escapes for printf
  hex=$1 bytes=''
  while [ -n "$hex" ]; do
    rest=${hex#??}
    byte=$((0x${hex%"$rest"}))
    bytes="$bytes\\$((byte >> 6))$((byte >> 3 & 7))$((byte & 7))"
    hex=$rest
  done
}
root_of() { # the first $1 leaves -> $found, in base64
  head -n "$1" "$tmp/hashes" >"$tmp/level"
  width=$1
  while [ "$width" -gt 1 ]; do
    mkdir "$tmp/nodes"
    pair=1000000 odd=''
    while read -r left; do
      if read -r right; then
        pair=$((pair + 1))
        bytes_of "01$left$right"
        printf "$bytes" >"$tmp/nodes/$pair"
      else
        odd=$left
      fi
    done <"$tmp/level"
    (cd "$tmp/nodes" && sha256sum -- * | cut -c 1-64) >"$tmp/level"
    [ -z "$odd" ] || echo "$odd" >>"$tmp/level"
    rm -r "$tmp/nodes"
    width=$(((width + 1) / 2))
  done
  read -r left <"$tmp/level"
  bytes_of "$left"
  found=$(printf "$bytes" | base64)
}
(cd "$tmp/leaves" && sha256sum -- * | cut -c 1-64) >"$tmp/hashes"
root_of "$count"
[ "$found" = "$root" ] || fault "$last/checkpoint: the root is not that of the days"

if [ -n "$anchor" ]; then
  if [ "$kept_name" != "$origin" ]; then
    fault "the anchor is of another name"
  elif [ "$kept_size" -eq 0 ]; then
    fault "the anchor is of no day"
  elif [ "$kept_size" -gt "$count" ]; then
    fault "the anchor knows $kept_size days, but here are $count: the end is missing"
  else
    root_of "$kept_size"
    [ "$found" = "$kept_root" ] ||
      fault "the first $kept_size days are not those of the anchor: the history was rewritten"
  fi
fi
if [ -f "$last/checkpoint.tsr" ] && [ -n "$tsa" ]; then
  openssl ts -verify -data "$last/checkpoint" -in "$last/checkpoint.tsr" -CAfile "$tsa" \
    >/dev/null 2>&1 || fault "$last/checkpoint.tsr: not a time stamp of the checkpoint"
  stamped=1
fi
finish

first=${days# }
first=${first%% *}
tr -cd '\012\040-\176' <"$tmp/told"
gone=$(wc -l <"$tmp/removed" | tr -d ' ')
[ "$gone" -eq 0 ] || echo "REMOVED: $gone of $count days, of which only the hashes, custody log and holds were checked"
echo "$((count - gone)) days, $first to $last, $(wc -l <"$tmp/all" | tr -d ' ') lines: nothing is altered"
echo "not checked here, but by tocsin evidence verify: the order of the ledger's entries, what day.json"
echo "says, the order of the lines in SHA256SUMS, the letters of names and reasons, cosignatures, and time"
echo "stamps before the last"
[ -z "$unsealed" ] || echo "not sealed, so nothing in it is proven:$unsealed"
[ ! -f "$last/checkpoint.tsr" ] || [ -n "${stamped-}" ] || echo "not checked: $last/checkpoint.tsr"
[ ! -f "$last/checkpoint.cosig" ] || echo "not checked: $last/checkpoint.cosig"
if [ -z "$anchor" ]; then
  echo "UNANCHORED: whoever has the key could have cut off the end or rewritten all of it"
  exit 5
fi
number=0
for day in $days; do
  number=$((number + 1))
  [ "$number" -ne "$kept_size" ] || echo "ANCHORED: up to $day"
done
