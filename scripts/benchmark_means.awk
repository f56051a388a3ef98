# Geometric mean and smallest of the ratios in ratios.csv of run_benchmarks.sh, by operation and threads.
BEGIN { FS = "," }
NR == 1 { next }
{
  key = sprintf("%-24s %7d", $1, $3)
  if (!(key in count)) { order[++keys] = key; least[key] = $8 }
  ++count[key]
  sum[key] += log($8)
  if ($8 <= least[key]) { least[key] = $8; shape[key] = $2 }
}
END {
  printf "%-24s %7s %6s %15s %9s  %s\n", "operation", "threads", "cases", "geometric mean", "smallest", "of shape"
  for (i = 1; i <= keys; ++i) {
    key = order[i]
    printf "%s %6d %14.2fx %8.2fx  %s\n", key, count[key], exp(sum[key] / count[key]), least[key], shape[key]
  }
}
