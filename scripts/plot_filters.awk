# Reads the weights of 'tilewise info --filters' and writes a line each: x, y, weight. Each filter is a tile,
# its channels one below the other. On standard error, the variables of plot_filters.gp.

BEGIN { FS = "," }
NR == 1 { next }
{
  if ($1 >= filters) filters = $1 + 1
  if ($2 >= rows) rows = $2 + 1
  if ($3 >= columns) columns = $3 + 1
  if ($4 >= channels) channels = $4 + 1
  size = $5 < 0 ? -$5 : $5
  if (size > largest) largest = size
  filter[NR] = $1; row[NR] = $2; column[NR] = $3; channel[NR] = $4; weight[NR] = $5
}
END {
  across = filters < 8 ? filters : filters <= 64 ? 8 : 16
  down = int((filters + across - 1) / across)
  gap = columns > 4 ? 0.8 : 0.4  # in weights
  tile_width = columns + gap
  tile_height = channels * rows + (channels - 1) * gap / 4 + gap
  for (i = 2; i <= NR; ++i) {
    x = filter[i] % across * tile_width + column[i] + gap
    y = int(filter[i] / across) * tile_height + channel[i] * (rows + gap / 4) + row[i] + gap
    print x, y, weight[i]
  }
  printf "across = %.9g; down = %.9g; per_tile = %d; largest = %.9g", across * tile_width + gap, \
    down * tile_height + gap, columns, largest ? largest : 1 > "/dev/stderr"
}
