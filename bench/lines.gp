# SPDX-License-Identifier: MIT
#
# lines.gp: one line for each block of the data.  Arguments: data, output,
# labels of both axes, names of the blocks, and the axis that is logarithmic (x,
# y or nothing).
set terminal svg size 800,480 font 'sans-serif,12' background '#ffffff'
set output ARG2
set xlabel ARG3
set ylabel ARG4
set yrange [0:*]
set grid lc rgb '#cccccc'
set border 3
set xtics nomirror
set ytics nomirror
set key outside right
if (ARG6 eq 'x') set logscale x 4
if (ARG6 eq 'y') set yrange [*:*]; set logscale y 10
plot for [i = 1:words(ARG5)] ARG1 index i - 1 using 1:2 \
  with linespoints pointtype 7 pointsize 0.6 linewidth 2 title word(ARG5, i)
