# The table of compare_builds.sh, of lines "old|new <tab> case <tab> nanoseconds".
BEGIN { FS = "\t" }
{
  if (!($2 in known)) { known[$2] = 1; cases[++n_cases] = $2 }
  times[$1, $2, ++count[$1, $2]] = $3
}
# Leaves the times of a case in sorted[1..].
function sort(version, name,    i, j, t, n) {
  n = count[version, name]
  for (i = 1; i <= n; ++i) {
    t = times[version, name, i]
    for (j = i - 1; j > 0 && sorted[j] > t; --j) sorted[j + 1] = sorted[j]
    sorted[j + 1] = t
  }
  return n
}
function median(n) { return (sorted[int((n + 1) / 2)] + sorted[int(n / 2) + 1]) / 2 }
END {
  for (i = 1; i <= n_cases; ++i) {
    name = cases[i]
    if (!(("old", name) in count) || !(("new", name) in count)) continue
    n = sort("old", name); old = median(n); old_least = sorted[1]
    n = sort("new", name); new = median(n); new_least = sorted[1]
    if (!shared++) printf "%12s %12s %8s %8s  %s\n", "old, us", "new, us", "median", "fastest", "case"
    printf "%12.2f %12.2f %7.3fx %7.3fx  %s\n", old / 1e3, new / 1e3, old / new, old_least / new_least, name
    medians += log(old / new)
    leasts += log(old_least / new_least)
  }
  if (!shared) exit 1
  printf "%12s %12s %7.3fx %7.3fx  geometric mean of %d\n", "", "", exp(medians / shared), exp(leasts / shared), shared
}
