# Draws filters.png from tiles.txt (plot_filters.awk): blue weights are negative, orange ones positive,
# grey lines around tiles.
#
#   across, down   the size of the sheet, in weights
#   per_tile       the weights across a tile
#   largest        the largest absolute weight

pixel = (down < 2 * per_tile ? 90.0 : 54.0) / per_tile
side = 12.0
bar = 90.0
width = int(across * pixel + side + bar)
height = int(down * pixel + 2 * side)
if (height < 120) { height = 120 }

set terminal pngcairo noenhanced background "white" font "DejaVu Sans,10" \
  size 2 * width, 2 * height fontscale 2 linewidth 2
set output "filters.png"
set lmargin at screen side / width
set rmargin at screen (side + across * pixel) / width
set tmargin at screen 1 - side / height
set bmargin at screen 1 - (side + down * pixel) / height
set xrange [0:across]
set yrange [down:0]
set cbrange [-largest:largest]
set palette defined (-1 "#0072B2", 0 "#FFFFFF", 1 "#D55E00")
set colorbox user origin screen 1 - (bar - 14) / width, side / height \
  size screen 14.0 / width, 1 - 2 * side / height noborder
set cbtics scale 0 format "%.2g"
set object 1 rectangle from 0, 0 to across, down behind \
  fillstyle solid noborder fillcolor rgb 0xC8C8C8
unset key
unset tics
set cbtics scale 0 format "%.2g"
unset border
plot "tiles.txt" using ($1 + 0.5):($2 + 0.5):1:($1 + 1):2:($2 + 1):3 \
  with boxxyerror fillstyle solid noborder linecolor palette
