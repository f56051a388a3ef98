# Draws what bench/peers/compare.py wrote into this folder: training, inference, first step and memory
# side by side (frameworks), as PNG and as SVG.
#
#   facts.dat     the CPU, the number of threads, then the frameworks, one a line
#   <metric>.dat  a row a case: number, name, then median, smallest and largest of each framework

line(number) = system(sprintf("sed -n %dp facts.dat", number))
machine = sprintf("%s, %d thread%s", line(1), int(line(2)), int(line(2)) > 1 ? "s" : "")
frameworks = int(system("wc -l <facts.dat")) - 2
cases = int(system("wc -l <images_per_second.dat"))

# Colours that colour-blind readers can tell apart (Okabe and Ito): a framework always has its own.
colour_of(name) = name eq "tilewise" ? 0x0072B2 : name eq "keras" ? 0xE69F00 : \
  name eq "jax" ? 0x009E73 : name eq "pytorch" ? 0xD55E00 : name eq "dlib" ? 0xCC79A7 : 0x808080
title_of(name) = name eq "tilewise" ? "Tilewise" : name eq "keras" ? "Keras" : \
  name eq "jax" ? "JAX" : name eq "pytorch" ? "PyTorch" : name

set border 3 linecolor rgb 0x606060
set grid ytics linetype 1 linecolor rgb 0xE4E4E4 linewidth 0.7
set tics nomirror out scale 0.5
set xtics scale 0
set style fill solid 1 noborder
set xrange [0.5:cases + 0.5]
half = 0.4 / frameworks
at(framework) = (2 * framework - 1 - frameworks) * half

# Sizes are pixels of the SVG; the PNG has twice as many.
terminal(format, width, height) = format eq "png" ? \
  sprintf("set terminal pngcairo noenhanced background 'white' font 'DejaVu Sans,10' " \
    . "size %d, %d fontscale 2 linewidth 2 pointscale 2", 2 * width, 2 * height) : \
  sprintf("set terminal svg noenhanced background 'white' font 'DejaVu Sans,13' size %d, %d", \
    width, height)

# Panels, top left to bottom right: the metric, its title, and where its axis begins (0: linear, at 0).
array metric = ["share_of_peak", "inference_1", "inference_128", "first_step_seconds", "peak_memory_mib"]
array caption = ["Training: share of the FMA peak", "Inference at batch 1, images/s", \
  "Inference at batch 128, images/s", "From start to the first finished step, s", "Peak memory, MiB"]
array low = [0, 1, 1, 0.01, 10]
array left = [0.07, 0.07, 0.57, 0.07, 0.57]
array right = [0.98, 0.48, 0.98, 0.48, 0.98]
array top = [0.885, 0.565, 0.565, 0.265, 0.265]
array bottom = [0.665, 0.385, 0.385, 0.085, 0.085]

do for [format in "png svg"] {
  eval terminal(format, 1000, 980)
  set output "frameworks." . format
  set multiplot
  set label 1 "The same networks in other frameworks (" . machine . ")" at screen 0.5, screen 0.975 center
  do for [panel = 1:|metric|] {
    set lmargin at screen left[panel]
    set rmargin at screen right[panel]
    set tmargin at screen top[panel]
    set bmargin at screen bottom[panel]
    set label 2 caption[panel] at graph 0, graph 1 offset character 0, character 0.8 left
    if (panel == 1) { set key at screen 0.5, screen 0.945 center top horizontal samplen 1.5 reverse Left width 1 }
    if (panel > 1) { unset key }
    # Several lines where there is little room
    label_of(name) = panel == 1 ? name : system("echo '" . name . "' | tr '/_' '\n\n'")
    set xtics format ""
    unset logscale
    set ytics autofreq nomirror
    if (low[panel] == 0) {
      set yrange [0:*]
      set format y "%.0f%%"
    } else {
      set logscale y
      set yrange [low[panel]:*]
      set format y "%g"
    }
    base = low[panel]
    factor = low[panel] == 0 ? 100 : 1
    table = metric[panel] . ".dat"
    plot table using 1:(NaN):xtic(label_of(stringcolumn(2))) with points notitle, \
      for [f = 1:frameworks] table \
        using ($1 + at(f)):(factor * column(3 * f)):($1 + at(f) - 0.92 * half):($1 + at(f) + 0.92 * half) \
          :(base):(factor * column(3 * f)) \
        with boxxyerror linecolor rgb colour_of(line(f + 2)) title title_of(line(f + 2)), \
      for [f = 1:frameworks] table \
        using ($1 + at(f)):(factor * column(3 * f + 1)):(0):(factor * (column(3 * f + 2) - column(3 * f + 1))) \
        with vectors nohead linewidth 1 linecolor rgb 0x303030 notitle
    unset label 1
  }
  unset multiplot
  unset output
}
