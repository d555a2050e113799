#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# record.sh: record a program with threads while it runs, hold the trace
# against what the program says it did, and replay it.
set -euo pipefail

if [ -n "${SANITIZE_CFLAGS:-}" ]; then
  echo "a sanitizer wants to be the first to see malloc"
  exit 77
fi

tool=examples/contrast/gleaner-trace
if [ ! -e examples/contrast/libgleaner-record.la ]; then
  echo "no shared library was built (--disable-shared): nothing to preload"
  exit 77
fi
directory=$(mktemp -d)
trap 'rm -rf "$directory"' EXIT
trace=$directory/threads.trace

fail() {
  printf 'record.sh: %s\n' "$*" >&2
  exit 1
}

# same NAME EXPECTED GOT
same() { [ "$2" -eq "$3" ] || fail "$1: expected $2, the trace has $3"; }

said=$("$tool" record "$trace" tests/classic/record_threads)
read -r threads blocks resized freed <<< "$said"

"$tool" text "$trace" > "$directory/text"
counts=$(awk '
  $1 == "t" { seen[$2] = 1 }
  $1 == "a" && $3 >= 7001 && $3 <= 7004 { ours[$2] = $3; allocated[$3]++ }
  $1 == "r" && ($2 in ours) && $3 == ours[$2] + 2000 { resized++ }
  $1 == "f" && ($2 in ours) { freed++ }
  END {
    for (t in seen) threads++
    print threads, allocated[7001], allocated[7002], allocated[7003],
      allocated[7004], resized, freed
  }' "$directory/text")
read -r t a1 a2 a3 a4 r f <<< "$counts"
[ "$t" -ge "$threads" ] || fail "threads: expected $threads, the trace has $t"
same "blocks of the first thread" "$blocks" "$a1"
same "blocks of the second thread" "$blocks" "$a2"
same "blocks of the third thread" "$blocks" "$a3"
same "blocks of the fourth thread" "$blocks" "$a4"
same "resizes" "$((threads * resized))" "$r"
same "frees" "$((threads * freed))" "$f"

# The summary says the same of all blocks together, give or take those of libc.
summary=$("$tool" summary "$trace")
line=$(grep '  operations ' <<< "$summary")
[[ $line =~ ([0-9]+)\ allocations,\ ([0-9]+)\ resizes,\ ([0-9]+)\ frees ]] ||
  fail "no counts in: $line"
all=$((threads * blocks))
allocations=${BASH_REMATCH[1]}
same "resizes in the summary" "$((threads * resized))" "${BASH_REMATCH[2]}"
[ "$allocations" -ge "$all" ] && [ "$allocations" -lt $((all + 100)) ] ||
  fail "the summary has $allocations allocations"

# Both forms are the same trace.
"$tool" compact "$directory/text" | cmp - <("$tool" compact "$trace") ||
  fail "text and compact form differ"

examples/contrast/contrast --backend=both \
  --policies=explicit-lifo,simple,segregated,buddy,malloc,explicit,implicit \
  "$trace" || fail "a replay has failed"
