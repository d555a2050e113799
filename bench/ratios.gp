# SPDX-License-Identifier: MIT
#
# ratios.gp: bars for each case, one for each variant; 1 is the one that they
# are compared with.  Arguments: data, output, title, label of the axis,
# names of the variants.
set terminal svg size 1100,480 font 'sans-serif,12' background '#ffffff'
set output ARG2
set title ARG3
set ylabel ARG4
set style data histograms
set style histogram clustered gap 1.5
set style fill solid 0.85 noborder
set boxwidth 0.9 relative
set datafile missing '?'
set xtics rotate by -35 nomirror
set ytics nomirror
set yrange [0:*]
set grid ytics lc rgb '#cccccc'
set border 3
set key top left
plot for [i = 1:words(ARG5)] ARG1 using i + 1:xtic(1) title word(ARG5, i), \
  1 with lines lc rgb '#333333' dashtype 2 notitle
