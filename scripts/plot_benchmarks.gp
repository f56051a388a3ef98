# Draws what benchmark_tables.awk wrote into this folder: shares of the FMA peak against peers (gemm,
# conv_forward, conv_backward_data, conv_backward_weights), roofline, gemm_size and scaling; each as PNG
# and as SVG.

line(number) = system(sprintf("sed -n %dp facts.dat", number))
machine = line(2) . ", " . line(1)
most = int(line(3))
on_most = sprintf("%d thread%s", most, most > 1 ? "s" : "")

# Colours that colour-blind readers can tell apart (Okabe and Ito), and shapes of points besides.
array name = ["Tilewise", "oneDNN", line(4), ""]
array colour = [0x0072B2, 0xE69F00, 0x009E73, 0]
array shape = [7, 5, 9]

set border 3 linecolor rgb 0x606060
set grid linetype 1 linecolor rgb 0xE4E4E4 linewidth 0.7
set tics nomirror out scale 0.5

# Sizes are pixels of the SVG; the PNG has twice as many.
terminal(format, width, height) = format eq "png" ? \
  sprintf("set terminal pngcairo noenhanced background 'white' font 'DejaVu Sans,10' " \
    . "size %d, %d fontscale 2 linewidth 2 pointscale 2", 2 * width, 2 * height) : \
  sprintf("set terminal svg noenhanced background 'white' font 'DejaVu Sans,13' size %d, %d", \
    width, height)

# --- Bars: a group a shape, a bar a library -----------------------------------------------------
do for [operation in "gemm conv_forward conv_backward_data conv_backward_weights"] {
  table = operation . ".dat"
  count = int(system("cat " . table . " 2>/dev/null | wc -l"))
  if (count == 0) { continue }
  libraries = operation eq "gemm" ? 3 : 4
  if (operation ne "gemm") {
    name[3] = "Tilewise direct"; name[4] = "oneDNN Winograd"
    colour[3] = 0x56B4E9; colour[4] = 0xF0E442
  }
  height = 100 + 9 * count * (libraries + 1)
  thickness = 0.4 / (libraries + 0.5)
  do for [format in "png svg"] {
    eval terminal(format, 860, height)
    set output operation . "." . format
    set label 1 sprintf("%s on %s, share of the FMA peak (%s)", operation, on_most, machine) \
      at screen 0.5, screen 1 - 18.0 / height center
    set lmargin at screen 0.4
    set rmargin at screen 0.97
    set tmargin at screen 1 - 62.0 / height
    set bmargin at screen 34.0 / height
    set key at screen 0.97, screen 1 - 44.0 / height right center horizontal maxrows 1 samplen 1.5 reverse Left
    set xrange [0:*]
    set xtics 0, (operation eq "gemm" ? 20 : 40) format "%.0f%%"
    set yrange [count + 0.6:0.4]
    set style fill solid 1 noborder
    plot table using (0):1:(0):(0):ytic(2) with boxxyerror notitle, \
      for [l = 1:libraries] table using (column(l + 2) / 2):($1 + thickness * (2 * l - 1 - libraries)) \
        :(column(l + 2) / 2):(0.9 * thickness) with boxxyerror linecolor rgb colour[l] title name[l]
    unset output
  }
}
unset label
name[3] = line(4)
colour[3] = 0x009E73
set key default
set key samplen 2 spacing 1.2 reverse Left
set xtics autofreq nomirror
set ytics autofreq nomirror

# --- GEMM over size -----------------------------------------------------------------------------
sizes = int(system("cat gemm_size.dat 2>/dev/null | wc -l"))
do for [format in (sizes > 1 ? "png svg" : "")] {
  eval terminal(format, 860, 480)
  set output "gemm_size." . format
  set title sprintf("Square products, one thread (dashed) and %s (%s)", on_most, machine)
  set lmargin at screen 0.1
  set rmargin at screen 0.97
  set tmargin at screen 0.9
  set bmargin at screen 0.13
  set key top left
  set ytics autofreq nomirror
  set logscale x 2
  set xrange [28:2400]
  set yrange [0:*]
  set format x "%.0f"
  set xtics 32, 2, 2048 nomirror
  set format y "%.0f"
  set xlabel "m = n = k"
  set ylabel "GFLOP/s" offset 1
  plot for [l = 1:3] "gemm_size.dat" using 1:(column(l + 4)) smooth unique with linespoints linewidth 2 \
      pointtype shape[l] pointsize 0.7 linecolor rgb colour[l] title name[l], \
    for [l = 1:3] "gemm_size.dat" using 1:(column(l + 1)) smooth unique with linespoints linewidth 1.5 \
      dashtype (8, 5) pointtype shape[l] pointsize 0.5 linecolor rgb colour[l] notitle
  unset output
}
unset logscale

# --- Roofline -----------------------------------------------------------------------------------
array group = ["gemm", "conv_forward", "conv_backward", "kernels that move memory"]
array group_colour = [0x009E73, 0x0072B2, 0x56B4E9, 0xD55E00]
array group_shape = [9, 7, 6, 5]
peak = real(system("awk '{ print $1 }' roofs.dat"))
triad = real(system("awk '{ print $2 }' roofs.dat"))
if (peak == 0) { peak = 100 }
do for [format in "png svg"] {
  eval terminal(format, 860, 520)
  set output "roofline." . format
  set title sprintf("Tilewise on one thread (%s)", machine)
  set logscale xy
  set xrange [0.04:300]
  set yrange [0.5:1.6 * peak]
  set format x "%g"
  set format y "%g"
  set xtics autofreq nomirror
  set ytics autofreq nomirror
  unset mxtics
  unset mytics
  set xlabel "useful floating-point operations per byte of inputs and outputs"
  set ylabel "GFLOP/s" offset 1
  set key bottom right
  set label 1 sprintf("FMA peak, %.0f GFLOP/s", peak) at 20, 1.12 * peak center textcolor rgb 0x606060
  set label 2 sprintf("triad beyond cache, %.0f GB/s", triad) at 1, 0.55 * triad left textcolor rgb 0x606060
  plot (triad == 0 || x * triad > peak ? peak : x * triad) with lines linewidth 1.5 linecolor rgb 0x606060 notitle, \
    for [g = 1:4] "roofline.dat" index g - 1 using 1:2 with points pointtype group_shape[g] \
      pointsize 0.7 linecolor rgb group_colour[g] title group[g]
  unset output
}
unset logscale
unset label

# --- Scaling ------------------------------------------------------------------------------------
if (most > 1 && int(system("ls scaling.dat 2>/dev/null | wc -l")) > 0) {
  array palette = [0x0072B2, 0xD55E00, 0x009E73, 0xCC79A7, 0x56B4E9, 0xE69F00]
  array points = [7, 5, 9, 13, 11, 4]
  lines_of_scaling = int(system("grep -c '\"' scaling.dat 2>/dev/null || true"))
  do for [format in "png svg"] {
    eval terminal(format, 860, 520)
    set output "scaling." . format
    set title sprintf("Speed of Tilewise relative to one thread (%s)", machine)
    set xrange [0.9:most * 1.05]
    set yrange [0.9:most * 1.25]
    set xtics 1, (most > 16 ? 4 : most > 8 ? 2 : 1) nomirror format "%.0f"
    set ytics autofreq nomirror format "%g"
    set xlabel "threads"
    set ylabel "times as fast" offset 1
    set key top left
    plot x with lines dashtype (6, 5) linecolor rgb 0x909090 title "as many times as threads", \
      for [i = 1:lines_of_scaling] "scaling.dat" index i - 1 using 1:2 with linespoints linewidth 2 \
        pointtype points[i] pointsize 0.7 linecolor rgb palette[i] title columnheader(1)
    unset output
  }
}
