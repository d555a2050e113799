# SPDX-License-Identifier: MIT
# loop.sh: what bash runs for its trace: arrays and expansions in loops.
declare -A seen
words=()
for ((i = 0; i < 320; i++)); do
  w="item$((i * 37 % 211))"
  seen[$w]=$((${seen[$w]:-0} + 1))
  words+=("$w-${w#item}")
done
s=""
for w in "${words[@]:0:90}"; do
  case $w in *1*) s="$s ${w//item/x}" ;; *) s="${w%%-*}$s" ;; esac
  s=${s:0:400}
done
echo "${#seen[@]} ${#s}"
