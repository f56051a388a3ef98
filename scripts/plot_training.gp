# Draws the training curves of one or more runs: the loss, the accuracy, 'training' with the two side
# by side, the learning rate and the throughput; each as PNG and as SVG.
#
# plots.sh calls it, in a folder that has the runs' logs as 1.csv, 2.csv, ... and their
# names, one a line, in names.txt (so that no path or name has to be quoted here), with these:
#
#   runs                    how many there are
#   validated               whether any of them has validation values
#   last_epoch              the largest epoch number of all
#   loss_min, loss_max      the range of all losses above zero
#   loss_zero               whether there are losses of zero, too
#   error_min, error_max, error_zero    likewise of 1 - accuracy
#   rate_runs, speed_runs   the numbers of the runs that have a learning rate, a throughput

set datafile separator comma
set datafile missing "NA"
set datafile columnheaders

array name[runs]
longest = strlen("validation")
do for [i = 1:runs] {
  name[i] = system(sprintf("sed -n %dp names.txt", i))
  if (runs > 1 && strlen(name[i]) > longest) { longest = strlen(name[i]) }
}

# --- Lines --------------------------------------------------------------------------------------
# Validation is solid with points, training dashed; so a run alone needs no second colour to be
# legible, but has one. The colours are those that colour-blind readers can tell apart (Okabe and
# Ito), less the yellow, too pale on white; the shapes of the points tell runs apart once more.
array palette = [0x0072B2, 0xD55E00, 0x009E73, 0xCC79A7, 0x56B4E9, 0xE69F00, 0x505050]
array shape = [7, 5, 9, 13, 11]
colour(i) = palette[(int(i) - 1) % |palette| + 1]
training_colour(i) = runs == 1 ? colour(2) : colour(i)
point(i) = shape[(int(i) - 1) % |shape| + 1]
# Many points would hide the line, but one epoch is a point and no line.
point_size = last_epoch > 40 ? 0.2 : 0.6
training_point_size = last_epoch > 40 ? 0.2 : last_epoch > 1 ? 0.35 : 0.6

# --- Axes ---------------------------------------------------------------------------------------
# Both values are on logarithmic axes, the accuracy by its distance to 100%: on linear ones the
# first epoch takes nearly all the room, and what runs differ in, 99.2 or 99.4%, next to none.
#
# Ticks are at 1, 2 and 5 times powers of ten; at all multiples if the range is narrow, or if the
# accuracy is so low that 0, 50 and 80% would be all; at the powers alone if it is very wide.
mantissas(low, high) = high / low > 2000 ? "1" : \
  high / low > 3 && (low != error_min || low < 0.15) ? "1 2 5" : "1 2 3 4 5 6 7 8 9"

epoch_step = 1
do for [step in "2 5 10 20 50 100 200 500 1000 2000 5000 10000"] {
  if (last_epoch / epoch_step > 16) { epoch_step = int(step) }
}
set xrange [0.5:last_epoch + (last_epoch > 25 ? 0.02 * last_epoch : 0.5)]
set xlabel "epoch"
set xtics epoch_step nomirror out scale 0.5 format "%.0f"
set ytics nomirror out scale 0.5
set logscale y
set border 3 linecolor rgb 0x606060
set grid xtics ytics linetype 1 linecolor rgb 0xE4E4E4 linewidth 0.7
unset key

# --- Layout, in pixels of the SVG; the PNG has twice as many ------------------------------------
# gnuplot's own key can cover curves and labels when names are long, so this one is drawn by hand,
# in room of its own below the panels.
panel_width = 600
panel_height = 410
head_height = runs == 1 ? 44 : 18
key_line = 20
key_column = 70 + 8 * longest
all_runs = ""
do for [i = 1:runs] { all_runs = all_runs . sprintf(" %d", i) }
figures = "loss accuracy training"
if (rate_runs ne "") { figures = figures . " learning_rate" }
if (speed_runs ne "") { figures = figures . " throughput" }

do for [figure in figures] {
  # The last two have no validation and linear axes from zero.
  linear = figure eq "learning_rate" || figure eq "throughput"
  shown = figure eq "learning_rate" ? rate_runs : figure eq "throughput" ? speed_runs : all_runs
  styles = linear ? 0 : validated ? 2 : 1
  named = runs == 1 ? 0 : words(shown)
  entries = named + styles
  metrics = figure eq "training" ? "loss accuracy" : figure
  panels = words(metrics)
  key_columns = (panel_width * panels - 90) / key_column
  if (key_columns < 1) { key_columns = 1 }
  key_height = entries == 0 ? 0 : key_line * ((entries - 1) / key_columns + 1) + 10
  width = panel_width * panels
  height = panel_height + key_height

  do for [format in "png svg"] {
    # Font sizes are points here and pixels there.
    if (format eq "png") {
      set terminal pngcairo noenhanced background "white" font "DejaVu Sans,11" \
        size 2 * width, 2 * height fontscale 2 linewidth 2 pointscale 2 dashlength 1.5
    } else {
      set terminal svg noenhanced background "white" font "DejaVu Sans,13" size width, height
    }
    set output figure . "." . format
    set multiplot

    do for [panel = 1:panels] {
      metric = word(metrics, panel)
      is_loss = metric eq "loss"
      left = panel_width * (panel - 1)
      set lmargin at screen (left + (linear ? 104.0 : 90.0)) / width  # 0.00025 is long
      set rmargin at screen (left + panel_width - 20.0) / width
      set tmargin at screen 1 - 1.0 * head_height / height
      set bmargin at screen (key_height + 64.0) / height
      set label 1 (is_loss ? "loss (categorical cross-entropy)" : metric eq "accuracy" ? \
          "accuracy (%)" : metric eq "throughput" ? "images per second" : "learning rate") \
        at screen (left + 14.0) / width, graph 0.5 center rotate by 90

      if (linear) {
        unset logscale y
        set format y (metric eq "throughput" ? "%.0f" : "%g")
        set ytics autofreq
        set yrange [0:*]
        set offsets 0, 0, graph 0.04, 0
      } else {
        # The axis goes from the last tick below the values to the first above them. Zero, which is
        # nowhere on a logarithmic axis, takes the place of a tick below those.
        low = is_loss ? loss_min : error_min
        high = is_loss ? loss_max : error_max
        zero = is_loss ? loss_zero : error_zero
        ticks = mantissas(low, high)
        if (zero) { low = low / 2 }
        end = 0
        do for [exponent = -9:9] {
          do for [mantissa in ticks] {
            tick = mantissa * 10.0 ** exponent
            if (tick < low * 1.0001) { start = tick }
            if (end == 0 && tick > high * 0.9999 && tick > start) { end = tick }
          }
        }
        set ytics ("" start)
        do for [exponent = -9:9] {
          do for [mantissa in ticks] {
            tick = mantissa * 10.0 ** exponent
            value = zero && tick == start ? 0 : tick
            tick_label = is_loss ? sprintf("%.3g", value) : sprintf("%.10g", 100 * (1 - value))
            if (tick >= start && tick <= end) { set ytics add (tick_label tick) }
          }
        }
        # A hair more, for gnuplot drops a tick that rounding puts outside.
        set yrange [(is_loss ? start / 1.001 : end * 1.001):(is_loss ? end * 1.001 : start / 1.001)]
        above_zero(x) = x < start ? start : x
        height_of(x) = above_zero(is_loss ? x : 1 - x)
      }

      if (panel == 1) {
        if (runs == 1) { set label 2 name[1] at screen 0.5, screen 1 - 20.0 / height center }
        do for [i = 1:entries] {
          run = i > named ? 0 : int(word(shown, i))
          training = run == 0 && i == entries
          x = 90.0 + key_column * ((i - 1) % key_columns)
          y = key_height - key_line * (0.5 + (i - 1) / key_columns)
          rgb = run > 0 ? colour(run) : runs > 1 ? 0x606060 : \
            training ? training_colour(1) : colour(1)
          shape_of = run > 0 ? point(run) : 7
          size_of = training ? training_point_size : point_size
          caption = run > 0 ? name[run] : training ? "training" : "validation"
          set label 2 * i + 1 "" at screen (x + 20) / width, y / height \
            point pointtype shape_of pointsize size_of linecolor rgb rgb
          set label 2 * i + 2 caption at screen (x + 50) / width, y / height left
          if (training) {
            set arrow i from screen x / width, y / height to screen (x + 40) / width, y / height \
              nohead linecolor rgb rgb linewidth 1.5 dashtype (9, 5)
          } else {
            set arrow i from screen x / width, y / height to screen (x + 40) / width, y / height \
              nohead linecolor rgb rgb linewidth 2
          }
        }
      }

      if (linear) {
        plot for [i in shown] i . ".csv" \
            using "epoch":(column(metric eq "throughput" ? "images_per_second" : metric)) \
            with linespoints linecolor rgb colour(i) linewidth 2 \
            pointtype point(i) pointsize point_size
      } else {
        plot for [i = 1:runs] sprintf("%d.csv", i) using "epoch":(height_of(column(metric))) \
            with linespoints linecolor rgb training_colour(i) linewidth 1.5 dashtype (9, 5) \
            pointtype point(i) pointsize training_point_size, \
          for [i = 1:runs] sprintf("%d.csv", i) using "epoch":(height_of(column("val_" . metric))) \
            with linespoints linecolor rgb colour(i) linewidth 2 \
            pointtype point(i) pointsize point_size
      }
      unset label
      unset arrow
    }
    unset multiplot
    set output
  }
}
