# SPDX-License-Identifier: MIT
#
# record.awk: turns the output of one run of a benchmark into one line of CSV.
# A run that printed no line of results, or ended with a status other than 0,
# is recorded with that status and without figures.

$1 == "bench" {
  for (i = 2; i <= NF; i++) {
    split($i, pair, "=")
    if (pair[1] in known || pair[1] ~ /^(name|seconds|peak_bytes|checksum)$/)
      known[pair[1]] = pair[2]
    else
      notes = notes (notes == "" ? "" : " ") $i
  }
}

END {
  if (status == 0 && !("seconds" in known)) status = "silent"
  if (status != 0) delete known
  printf "%s,%s,%s,%d,%s,%s,%s,%s,%s\n", suite, name, variant, run, status,
         known["seconds"], known["peak_bytes"], known["checksum"], notes
}
