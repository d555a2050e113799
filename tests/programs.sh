#!/bin/sh
# SPDX-License-Identifier: MIT
#
# programs.sh: well-known programs on this heap (make check-programs).  Each runs
# once as it is and once under gleaner-run, and has to have status 0 and the
# same output.  What is not installed is said to be skipped.  Arguments choose
# programs by name.  Run in the top build directory, with srcdir set.
set -u
export LC_ALL=C
srcdir=$(cd "${srcdir:-.}" && pwd)
runner=$PWD/gleaner-run
work=$(mktemp -d)
failed=0
skipped=0
limit=600 # seconds for each command

trap 'rm -rf "$work"' EXIT
trap 'exit 1' INT TERM

say() { printf '%s\n' "$*"; }

# A program that a case needs: false, aloud, where it is not there.
need() {
  for program in "$@"; do
    command -v "$program" > /dev/null && continue
    say "SKIPPED: $name: $program is not installed"
    skipped=$((skipped + 1))
    return 1
  done
}

# ------------------------------------------------------------------ the cases
#
# Each is a function of the same name with an underscore.  It runs in a fresh
# directory; $run limits the time, and is the runner or not.
# Words are to be split in it, hence: shellcheck disable=SC2086

bash_() {
  cat > script << 'END'
total=0
declare -A seen
for i in {1..20000}; do
  seen[$((i % 997))]=$i
  total=$((total + i))
done
echo "$total ${#seen[@]} ${seen[5]}"
for i in {1..200}; do
  (echo "$i" | { read -r x; echo $((x * x)); }) &
  wait $!
done
text=$(for i in {1..5000}; do echo "line $i of some text"; done)
echo "${#text} ${text//line/LINE}" | md5sum
f() { local n=$1; if ((n < 2)); then echo "$n"; else
  echo $(($(f $((n - 1))) + $(f $((n - 2))))); fi; }
f 9
END
  $run bash script
}

python_tests="test_dict test_list test_set test_json test_threading \
  test_subprocess test_bytes test_re test_pickle test_sqlite3 test_zlib \
  test_ctypes test_gc test_weakref test_memoryview"

# Its own test modules, those that its distributor has left.  What they print
# tells times, so only their verdict is compared.
python_() {
  for module in $python_tests; do
    if ! python3 -c "import test.$module" > /dev/null 2>&1; then
      say "SKIPPED: python3's own $module is not installed" >&2
    elif $run python3 -m test -q "$module" > log 2>&1; then
      say "$module: success"
    else
      say "$module: failure" >&2
      say "$module: failure"
      tail -n 20 log >&2
    fi
  done
  $run python3 - << 'END'
import json, threading, subprocess, sys, re, hashlib
table = {i: [str(j) for j in range(i % 50)] for i in range(20000)}
text = json.dumps(table, sort_keys=True)
print(len(text), hashlib.md5(text.encode()).hexdigest())
sums = []
def work(n):
    data = [bytes([i % 256]) * (i % 3000) for i in range(n)]
    sums.append(sum(map(len, data)))
threads = [threading.Thread(target=work, args=(20000,)) for _ in range(8)]
for t in threads: t.start()
for t in threads: t.join()
print(sums)
for i in range(20):
    print(subprocess.run([sys.executable, "-c", f"print({i} ** 50)"],
                         capture_output=True, text=True).stdout.strip())
END
}

perl_() {
  $run perl -e '
    my %h; my $x = 1;
    for my $i (1 .. 300000) {
      $x = ($x * 1103515245 + 12345) % 2147483648;
      $h{$x % 50000} .= "v$i,";
      delete $h{($x >> 3) % 50000} if $i % 3 == 0;
    }
    my @s = sort { length($h{$a}) <=> length($h{$b}) || $a <=> $b } keys %h;
    print scalar(@s), " $s[0] $s[-1] ", length(join "", values %h), "\n";
    for my $i (1 .. 30) { my $p = fork; exit 0 unless $p; waitpid $p, 0 }
    my @t = map { [ map { $_ x 3 } 1 .. 100 ] } 1 .. 3000;
    print join(",", map { scalar @$_ } @t[0 .. 5]), "\n";'
}

sqlite_() {
  $run sqlite3 data << 'END'
PRAGMA journal_mode = MEMORY;
CREATE TABLE t (id INTEGER PRIMARY KEY, name TEXT, number INTEGER);
WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n
  WHERE i < 1000000)
INSERT INTO t SELECT i, printf('name %08x', i * 2654435761 % 4294967296),
  i * 7919 % 100003 FROM n;
CREATE INDEX by_number ON t (number);
CREATE INDEX by_name ON t (name);
SELECT count(*), sum(number), min(name), max(name) FROM t;
SELECT number, count(*) AS c, group_concat(name) FROM t GROUP BY number
  ORDER BY c DESC, number LIMIT 5;
SELECT a.id, b.id FROM t a JOIN t b ON a.number = b.number AND a.id < b.id
  ORDER BY a.name LIMIT 5;
DELETE FROM t WHERE id % 3 = 0;
VACUUM;
SELECT count(*) FROM t;
PRAGMA integrity_check;
END
}

git_() {
  export GIT_CONFIG_GLOBAL=/dev/null GIT_CONFIG_SYSTEM=/dev/null
  export GIT_AUTHOR_NAME=a GIT_AUTHOR_EMAIL=a@b GIT_COMMITTER_NAME=a
  export GIT_COMMITTER_EMAIL=a@b GIT_AUTHOR_DATE='2000-01-01T00:00:00Z'
  export GIT_COMMITTER_DATE='2000-01-01T00:00:00Z'
  $run git init -q -b main one && cd one || return
  for i in $(seq 1 40); do
    mkdir -p "d$((i % 7))"
    seq "$i" "$((i * 200))" > "d$((i % 7))/f$i"
    seq 1 "$i" >> d0-all
    $run git add . && $run git commit -q -m "commit $i" || return
  done
  cd .. && $run git clone -q one two && cd two || return
  $run git gc -q --aggressive --prune=now && $run git fsck --full --strict &&
    $run git log --format=%H%n%s --stat | md5sum && $run git blame d0-all | md5sum
}

# This project, by a compiler that uses this heap.
gcc_() {
  for source in "$srcdir"/alloc/*.c "$srcdir"/gc/*.c; do
    case $source in *avx2*) continue ;; esac
    # Debugging information would tell the directory, and that differs.
    $run gcc -std=gnu11 -O2 -D_GNU_SOURCE -I"$srcdir/include" -fPIC -c \
      -o "$(basename "$source").o" "$source" || return
  done
  for object in *.o; do md5sum "$object"; done
}

xz_() {
  seq 1 3000000 > numbers
  $run xz -T4 -3 --block-size=1MiB -k numbers &&
    $run xz -T4 -d -c numbers.xz | cmp - numbers && md5sum < numbers.xz
}

redis_() {
  : > redis.log
  $run redis-server --port 0 --unixsocket "$PWD/socket" --save '' \
    --io-threads 2 --dir "$PWD" > redis.log 2>&1 &
  redis_pid=$!
  trap 'kill "$redis_pid" 2> /dev/null' EXIT
  for _ in $(seq 1 100); do
    [ -S socket ] && break
    sleep 0.1
  done
  status=0
  timeout 120 redis-benchmark -s socket -q -n 2000 -r 10000 -d 200 \
    > benchmark.log 2>&1 || status=1
  # Bytes are compared that only the commands decide on.
  redis-cli -s socket flushall &&
    seq 1 50000 | sed 's/.*/SET key:& value-of-&/' |
    redis-cli -s socket > set.log &&
    redis-cli -s socket --no-raw dbsize &&
    redis-cli -s socket get key:4711 &&
    redis-cli -s socket bgsave && sleep 1 || status=1
  redis-cli -s socket shutdown nosave || status=1
  wait "$redis_pid" || status=1
  trap - EXIT
  [ "$status" -eq 0 ] || tail -n 30 redis.log >&2
  return $status
}

# -------------------------------------------------------------------- running

# attempt VARIANT: the case $name, as it is (plain) or preloaded (gleaner).
attempt() {
  mkdir -p "$work/$name/$1"
  (
    cd "$work/$name/$1" || exit 1
    mkdir run && cd run || exit 1
    run="timeout $limit"
    [ "$1" = plain ] || run="$run $runner"
    "${name}_" > ../output 2> ../errors
  )
}

check() {
  name=$1
  shift
  need "$@" || return
  attempt plain || {
    say "SKIPPED: $name, which does not run without us either"
    tail -n 5 "$work/$name/plain/errors"
    skipped=$((skipped + 1))
    return
  }
  status=0
  attempt gleaner || status=$?
  if [ "$status" -ne 0 ]; then
    say "FAILED: $name: status $status"
    tail -n 20 "$work/$name/gleaner/errors"
    failed=1
  elif ! cmp -s "$work/$name/plain/output" "$work/$name/gleaner/output"; then
    say "FAILED: $name: its output differs"
    diff "$work/$name/plain/output" "$work/$name/gleaner/output" | head -n 20
    failed=1
  else
    grep -E '^SKIPPED|: failure$' "$work/$name/plain/errors" |
      sed 's/failure$/fails without us as well/'
    say "ok: $name"
  fi
  rm -rf "${work:?}/$name"
}

[ -x "$runner" ] || {
  say "there is no gleaner-run here: make first"
  exit 2
}
cases="bash perl sqlite git gcc xz redis python"
[ $# -eq 0 ] || cases=$*
for case in $cases; do
  case $case in
    python) check python python3 ;;
    sqlite) check sqlite sqlite3 ;;
    redis) check redis redis-server redis-cli redis-benchmark ;;
    *) check "$case" "$case" ;;
  esac
done
say "skipped: $skipped"
exit $failed
