# Draws confusion.png from cells.txt (plot_confusion.awk) and the classes' names in classes.txt.
#
#   classes   how many there are
#   longest   the characters of the longest name

cell = classes > 20 ? 960.0 / classes : 48.0
side = 66.0 + 8 * longest  # for the names
below = longest > 5 ? 44.0 + 7.5 * longest : 54.0
width = int(side + classes * cell + 24)
height = int(below + classes * cell + 24)

set terminal pngcairo noenhanced background "white" font "DejaVu Sans,11" \
  size 2 * width, 2 * height fontscale 2 linewidth 2
set output "confusion.png"
set lmargin at screen side / width
set rmargin at screen (side + classes * cell) / width
set bmargin at screen below / height
set tmargin at screen (below + classes * cell) / height
set border 0
set xrange [0.5:classes + 0.5]
set yrange [classes + 0.5:0.5]
set xtics () scale 0 offset 0, 0.3
set ytics () scale 0
if (longest > 5) { set xtics rotate by 90 right }
do for [i = 1:classes] {
  name = system(sprintf("sed -n %dp classes.txt", i))
  set xtics add (name i)
  set ytics add (name i)
}
set label 1 "taken for" at graph 0.5, screen 14.0 / height center
set label 2 "class" at screen 16.0 / width, graph 0.5 center rotate by 90
unset key
box = "cells.txt"
if (classes <= 20) {
  plot box using 1:2:($1 - 0.47):($1 + 0.47):($2 - 0.47):($2 + 0.47):3 \
      with boxxyerror fillstyle solid noborder linecolor rgb variable, \
    box using 1:2:5:4 with labels textcolor rgb variable font ",10"
} else {
  plot box using 1:2:($1 - 0.5):($1 + 0.5):($2 - 0.5):($2 + 0.5):3 \
      with boxxyerror fillstyle solid noborder linecolor rgb variable
}
