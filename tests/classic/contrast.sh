#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# contrast.sh: the figures that contrast gives for the trace that was worked
# out by hand in check_classic.c, and that every form of output comes out.
set -euo pipefail

tool=examples/contrast/contrast
directory=$(mktemp -d)
trap 'rm -rf "$directory"' EXIT

fail() {
  printf 'contrast.sh: %s\n' "$*" >&2
  exit 1
}

cat > "$directory/hand.rep" <<'END'
# a comment, and then the trace
a 0 100
a 1 24
a 2 200
f 0
a 3 40
f 2
f 1
END

"$tool" --backend=both --csv "$directory/hand.rep" > "$directory/csv"

# policy, backend, then peak_payload, peak_heap, at_peak_waste, search_steps,
# splits, coalescings and system_calls
expected='implicit-first sbrk 324 4096 76 7 4 3 1
implicit-first mmap 324 65536 76 7 4 3 1
implicit-next sbrk 324 4096 76 4 4 2 1
implicit-next mmap 324 65536 76 4 4 2 1
implicit-best sbrk 324 4096 76 10 4 3 1
implicit-best mmap 324 65536 76 10 4 3 1
explicit-lifo sbrk 324 4096 76 4 4 3 1
explicit-lifo mmap 324 65536 76 4 4 3 1
explicit-address sbrk 324 4096 76 5 4 3 1
explicit-address mmap 324 65536 76 5 4 3 1
simple sbrk 324 20480 92 4 0 0 4
simple mmap 324 69632 92 4 0 0 1
segregated sbrk 324 4096 28 4 4 3 1
segregated mmap 324 65536 28 4 4 3 1
buddy sbrk 324 8192 92 11 7 1 1
buddy mmap 324 69632 92 15 11 1 1'

got=$(awk -F, '
  NR == 1 { for (i = 1; i <= NF; i++) column[$i] = i; next }
  $column["backend"] == "" { next }
  {
    print $column["policy"], $column["backend"],
      $column["peak_payload_bytes"], $column["peak_heap_bytes"],
      $column["at_peak_waste_bytes"], $column["search_steps"],
      $column["splits"], $column["coalescings"], $column["system_calls"]
  }' "$directory/csv")
diff <(printf '%s\n' "$expected") <(printf '%s\n' "$got") ||
  fail "other figures than those worked out by hand"

"$tool" --json "$directory/hand.rep" > "$directory/json"
[ "$(grep -c '"ok": true' "$directory/json")" -eq 12 ] || fail "JSON"
"$tool" --html --pictures="$directory" "$directory/hand.rep" \
  > "$directory/html"
grep -q '</html>' "$directory/html" || fail "the page ends early"
for picture in maps pauses scatter time; do
  grep -q '</svg>' "$directory/$picture.svg" || fail "no picture of $picture"
done
if "$tool" "$directory/json" > "$directory/output" 2>&1; then
  fail "a file that is no trace is taken for one"
fi
