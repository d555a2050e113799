# SPDX-License-Identifier: MIT
#
# summary.awk: the raw results of bench/run as tables in Markdown, and, in the
# directory given, summary.csv and the data of the plots.  The first variant of
# a suite is the one that the others are compared with.  The exit status is 1
# where a run failed or two checksums of a case differ.

BEGIN { FS = "," }

FNR == 1 { next }

{
  if (!(($1) in suite_seen)) {
    suite_seen[$1] = 1
    suites[++suite_count] = $1
  }
  add_once(cases, $1, $2)
  add_once(variants, $1, $3)
  key = $1 SUBSEP $2 SUBSEP $3
  if ($4 > runs[key]) runs[key] = $4
  if ($5 != "0") {
    failures[key]++
    if (!($1 == "curve" && $5 == 3)) bad = 1
    next
  }
  seconds[key, $4] = $6
  peak[key, $4] = $7
  check_sum($1 SUBSEP $2, $8, $3)
  read_notes($1, $2, $3, $4, $9)
}

END {
  summary = directory "/summary.csv"
  print "suite,case,variant,quantity,median,least,greatest" > summary
  for (s = 1; s <= suite_count; s++) report(suites[s])
  for (i = 1; i <= complaint_count; i++) print "\n**" complaints[i] "**"
  exit bad
}

# ------------------------------------------------------------ reading the runs

# lists[suite, 0] counts the names of a suite, in the order they came.
function add_once(lists, suite, name) {
  if ((suite, "has", name) in lists) return
  lists[suite, "has", name] = 1
  lists[suite, ++lists[suite, 0]] = name
}

function check_sum(id, sum, variant) {
  if (!(id in sums)) sums[id] = sum
  if (sums[id] == sum) return
  sub(SUBSEP, " ", id)
  complaints[++complaint_count] = "WRONG CHECKSUM: " id ", " variant
  bad = 1
}

function read_notes(suite, name, variant, run, text,    i, n, words, pair) {
  n = split(text, words, " ")
  for (i = 1; i <= n; i++) {
    split(words[i], pair, "=")
    note[suite, name, variant, pair[1], run] = pair[2]
    if (!((suite, name, "has", pair[1]) in note_names)) {
      note_names[suite, name, "has", pair[1]] = 1
      note_names[suite, name, ++note_names[suite, name, 0]] = pair[1]
    }
  }
}

# ------------------------------------------------------------------ statistics

# Sorts list[1..n]; the rest of the functions want it sorted.
function sort(list, n,    i, j, value) {
  for (i = 2; i <= n; i++) {
    value = list[i]
    for (j = i - 1; j >= 1 && list[j] > value; j--) list[j + 1] = list[j]
    list[j + 1] = value
  }
}

function median(list, n) {
  if (n % 2 == 1) return list[(n + 1) / 2]
  return (list[n / 2] + list[n / 2 + 1]) / 2
}

# The median of figures[key, run] over the runs, or "" where there is none.
function median_of(figures, key, count,    i, n, list) {
  n = 0
  for (i = 1; i <= count; i++)
    if ((key, i) in figures) list[++n] = figures[key, i] + 0
  if (n == 0) return ""
  sort(list, n)
  return median(list, n)
}

# The ratios of over's to under's figures of the same runs: sets middle, least
# and greatest.  Returns how many there were.
function compare(figures, over, under, count,    i, n, list) {
  n = 0
  for (i = 1; i <= count; i++)
    if ((over, i) in figures && (under, i) in figures && figures[under, i] > 0)
      list[++n] = figures[over, i] / figures[under, i]
  if (n == 0) return 0
  sort(list, n)
  middle = median(list, n)
  least = list[1]
  greatest = list[n]
  return n
}

# ------------------------------------------------------------------ the report

function report(suite) {
  printf "\n## %s\n", suite
  if (suite == "curve" || suite == "scaling") {
    lines(suite)
  } else if (variants[suite, 0] > 1 && suite != "figures") {
    ratios(suite, "speed")
    ratios(suite, "memory")
  }
  absolute(suite)
  notes_table(suite)
  if (suite == "threads") work_of_two(suite)
  if (suite == "figures") latency_lines(suite)
}

# How often as fast, or how much of the memory, as the first variant.
function ratios(suite, what,    reference, c, v, data) {
  reference = variants[suite, 1]
  data = directory "/" what "-" suite ".dat"
  if (what == "speed")
    printf "\nTimes as fast as %s: median (least–greatest).\n\n", reference
  else
    printf "\nPeak resident memory as a multiple of %s's.\n\n", reference
  printf "| case |"
  printf "#" > data
  for (v = 2; v <= variants[suite, 0]; v++) {
    printf " %s |", variants[suite, v]
    printf " %s", variants[suite, v] > data
    log_sum[v] = log_count[v] = 0
  }
  printf "\n|---|"
  for (v = 2; v <= variants[suite, 0]; v++) printf "---|"
  printf "\n"
  printf "\n" > data
  for (c = 1; c <= cases[suite, 0]; c++)
    ratios_row(suite, cases[suite, c], what, data)
  printf "| **geometric mean** |"
  for (v = 2; v <= variants[suite, 0]; v++) geometric_mean(suite, what, v)
  printf "\n"
  close(data)
}

function ratios_row(suite, name, what, data,    v, n, ours, theirs) {
  theirs = suite SUBSEP name SUBSEP variants[suite, 1]
  printf "| %s |", name
  printf "\"%s\"", name > data
  for (v = 2; v <= variants[suite, 0]; v++) {
    ours = suite SUBSEP name SUBSEP variants[suite, v]
    if (what == "speed")
      n = compare(seconds, theirs, ours, runs[ours])
    else
      n = compare(peak, ours, theirs, runs[ours])
    if (n == 0) {
      printf " failed |"
      printf " ?" > data
      continue
    }
    printf " %.2f (%.2f–%.2f) |", middle, least, greatest
    printf " %.4f", middle > data
    printf "%s,%s,%s,%s,%.4f,%.4f,%.4f\n", suite, name, variants[suite, v],
           what, middle, least, greatest > summary
    log_sum[v] += log(middle)
    log_count[v]++
  }
  printf "\n"
  printf "\n" > data
}

function geometric_mean(suite, what, v,    mean) {
  if (log_count[v] == 0) {
    printf " – |"
    return
  }
  mean = exp(log_sum[v] / log_count[v])
  printf " **%.2f** |", mean
  printf "%s,geometric-mean,%s,%s,%.4f,,\n", suite, variants[suite, v], what,
         mean > summary
}

# Seconds and memory of each variant, medians.
function absolute(suite,    c, v, key, time) {
  printf "\nMedian seconds, and MiB at the peak.\n\n| case |"
  for (v = 1; v <= variants[suite, 0]; v++)
    printf " %s s | MiB |", variants[suite, v]
  printf "\n|---|"
  for (v = 1; v <= variants[suite, 0]; v++) printf "---|---|"
  printf "\n"
  for (c = 1; c <= cases[suite, 0]; c++) {
    printf "| %s |", cases[suite, c]
    for (v = 1; v <= variants[suite, 0]; v++) {
      key = suite SUBSEP cases[suite, c] SUBSEP variants[suite, v]
      time = median_of(seconds, key, runs[key])
      if (time == "")
        printf " failed | |"
      else
        absolute_cell(suite, cases[suite, c], variants[suite, v], key, time)
      if (failures[key] > 0 && time != "")
        complaints[++complaint_count] = "FAILED " failures[key] " times: " \
          suite " " cases[suite, c] ", " variants[suite, v]
    }
    printf "\n"
  }
}

function absolute_cell(suite, name, variant, key, time,    bytes) {
  bytes = median_of(peak, key, runs[key])
  printf " %.3f | %.1f |", time, bytes / 1048576
  printf "%s,%s,%s,seconds,%.6f,,\n", suite, name, variant, time > summary
  printf "%s,%s,%s,peak_bytes,%d,,\n", suite, name, variant, bytes > summary
}

# What programs measure beside their time.
function notes_table(suite,    c, k, v, name, title, key, value, first) {
  for (c = 1; c <= cases[suite, 0]; c++) {
    name = cases[suite, c]
    for (k = 1; k <= note_names[suite, name, 0]; k++) {
      if (!title) notes_head(suite)
      title = 1
      printf "| %s | %s |", name, note_names[suite, name, k]
      for (v = 1; v <= variants[suite, 0]; v++) {
        key = suite SUBSEP name SUBSEP variants[suite, v]
        value = median_of(note, key SUBSEP note_names[suite, name, k],
                          runs[key])
        if (v == 1) first = value
        printf " %s |", note_cell(value, (v == 1 ? 0 : first))
        if (value != "")
          printf "%s,%s,%s,%s,%.6g,,\n", suite, name, variants[suite, v],
                 note_names[suite, name, k], value > summary
      }
      printf "\n"
    }
  }
}

function note_cell(value, first) {
  if (value == "") return "failed"
  if (first <= 0 || value <= 0) return sprintf("%.5g", value)
  return sprintf("%.5g (%.2f)", value, first / value)
}

function notes_head(suite,    v) {
  printf "\nWhat the programs note, medians (the first one's, as a multiple " \
         "of it).\n\n| case | figure |"
  for (v = 1; v <= variants[suite, 0]; v++) printf " %s |", variants[suite, v]
  printf "\n|---|---|"
  for (v = 1; v <= variants[suite, 0]; v++) printf "---|"
  printf "\n"
}

# Case x-2 does twice the work of x-1, on two threads.
function work_of_two(suite,    c, v, name, key, one, two) {
  printf "\nWork done in a second by two threads, as a multiple of one's.\n"
  printf "\n| case |"
  for (v = 1; v <= variants[suite, 0]; v++) printf " %s |", variants[suite, v]
  printf "\n|---|"
  for (v = 1; v <= variants[suite, 0]; v++) printf "---|"
  printf "\n"
  for (c = 1; c <= cases[suite, 0]; c++) {
    name = cases[suite, c]
    if (!sub(/-2$/, "", name)) continue
    printf "| %s |", name
    for (v = 1; v <= variants[suite, 0]; v++) {
      key = suite SUBSEP name "-1" SUBSEP variants[suite, v]
      one = median_of(seconds, key, runs[key])
      sub(/-1/, "-2", key)
      two = median_of(seconds, key, runs[key])
      printf " %s |", (two > 0 ? sprintf("%.2f", 2 * one / two) : "failed")
    }
    printf "\n"
  }
}

# -------------------------------------------------------- the data of the lines

# Cases are named program-size here; one plot for each program of the curve
# suite, and for each figure of the scaling suite.
function lines(suite,    c, v, parts, stem, size) {
  for (c = 1; c <= cases[suite, 0]; c++) {
    split(cases[suite, c], parts, "-")
    stem = parts[1]
    size = mebibytes(parts[2])
    for (v = 1; v <= variants[suite, 0]; v++)
      line_points(suite, cases[suite, c], variants[suite, v], stem, size)
  }
  draw_all()
}

function draw_all(    plot) {
  for (plot in points) draw_lines(plot)
  delete points
  delete blocks
}

# How long the slowest steps take: the axis counts the nines of the quantile.
function latency_lines(suite,    v, variant, k, name, nines, value) {
  nines["p50_us"] = 0.3
  nines["p99_us"] = 2
  nines["p99.9_us"] = 3
  nines["p99.99_us"] = 4
  nines["p99.999_us"] = 5
  for (k = 1; k <= note_names[suite, "latency", 0]; k++) {
    name = note_names[suite, "latency", k]
    if (!(name in nines)) continue
    for (v = 1; v <= variants[suite, 0]; v++) {
      variant = variants[suite, v]
      value = median_of(note, suite SUBSEP "latency" SUBSEP variant SUBSEP name,
                        runs[suite, "latency", variant])
      if (value != "") add_point("latency", variant, nines[name], value)
    }
  }
  draw_all()
}

function mebibytes(size) {
  if (size ~ /G$/) return substr(size, 1, length(size) - 1) * 1024
  return substr(size, 1, length(size) - 1) + 0
}

function line_points(suite, name, variant, stem, size,    key, time, k, value) {
  key = suite SUBSEP name SUBSEP variant
  if (suite == "curve") {
    time = median_of(seconds, key, runs[key])
    if (time == "") return
    add_point("curve-" stem, variant,
              median_of(peak, key, runs[key]) / 1048576, time)
    return
  }
  for (k = 1; k <= note_names[suite, name, 0]; k++) {
    value = median_of(note, key SUBSEP note_names[suite, name, k], runs[key])
    if (value != "")
      add_point("scaling-" note_names[suite, name, k], variant, size, value)
  }
}

# points[plot] lists its variants, blocks[plot, variant] is the block of lines.
function add_point(plot, variant, x, y) {
  if (!((plot, variant) in blocks))
    points[plot] = points[plot] (points[plot] == "" ? "" : " ") variant
  blocks[plot, variant] = blocks[plot, variant] x " " y "\n"
}

function draw_lines(plot,    n, i, names, file) {
  file = directory "/lines-" plot ".dat"
  n = split(points[plot], names, " ")
  for (i = 1; i <= n; i++)
    printf "%s# %s\n%s", i == 1 ? "" : "\n\n", names[i],
           blocks[plot, names[i]] > file
  close(file)
}
