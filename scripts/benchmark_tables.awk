# Of results.csv of run_benchmarks.sh, the tables that plot_benchmarks.gp draws:
#
#   facts.dat        the instruction set, the CPU, and the largest number of threads
#   <operation>.dat  share of the FMA peak in per cent on that many threads:
#                    place, shape, Tilewise, oneDNN, BLAS; of convolutions not BLAS, but what Tilewise does
#                    directly and oneDNN by Winograd's filtering
#   gemm_size.dat    square NN products: size, then GFLOP/s of the three on one thread, then on most
#   roofline.dat     Tilewise on one thread: flops per byte, GFLOP/s; a block for each group of kernels
#   roofs.dat        medians on one thread: the FMA peak in GFLOP/s, the triad in GB/s; 0 if not known
#   scaling.dat      a block a case: threads, times as fast as one thread

function median(values, n,    i, j, t) {
  for (i = 2; i <= n; ++i) {
    t = values[i]
    for (j = i - 1; j > 0 && values[j] > t; --j) values[j + 1] = values[j]
    values[j + 1] = t
  }
  return n > 0 ? values[int((n + 1) / 2)] : 0
}
function value(key) { return key in figure ? figure[key] : "NaN" }
# Of the libraries, by their numbers below.
function figures(numbers, operation, shape, threads, factor,    text, count, number, l) {
  text = ""
  count = split(numbers, number, " ")
  for (l = 1; l <= count; ++l) {
    v = value(operation SUBSEP shape SUBSEP threads SUBSEP number[l])
    text = text " " (v == "NaN" ? v : factor * v)
  }
  return text
}

BEGIN { FS = "," }
{ gsub(/"/, "") }
NR == 1 { next }
{
  l = $4 == "tilewise" ? 1 : $4 == "onednn" ? 2 : $4 == "tilewise_direct" ? 4 : $4 == "onednn_winograd" ? 5 : 3
  if ($3 > most) most = $3
  cpu = $16; isa = $17
  # The share of the peak of products, GFLOP/s of everything.
  figure["share" $1, $2, $3, l] = $7
  figure[$1, $2, $3, l] = $6
  if (l == 3) blas = $4
  if (l != 1) next
  if (!(($1, $2) in seen)) {
    seen[$1, $2]
    shapes[$1] = shapes[$1] " " $2
    if (!($1 in known)) { known[$1]; operations = operations " " $1 }
  }
  if ($3 == 1) {
    intensity[$1, $2] = $10 / $11
    if ($12 != "") peaks[++n_peaks] = $12
    if ($13 != "" && $11 > 1e8) triads[++n_triads] = $13
  }
}
END {
  print isa > "facts.dat"
  print cpu > "facts.dat"
  print most > "facts.dat"
  print blas == "mkl" ? "MKL" : "OpenBLAS" > "facts.dat"
  n_operations = split(operations, operation, " ")
  for (o = 1; o <= n_operations; ++o) {
    name = operation[o]
    n = split(shapes[name], shape, " ")
    product = name == "gemm" || name ~ /^conv_/
    for (i = 1; i <= n; ++i) {
      libraries = name == "gemm" ? "1 2 3" : "1 2 4 5"
      if (product) print i, shape[i] figures(libraries, "share" name, shape[i], most, 100) > (name ".dat")
      # Not those that skip work: their shares are of what is described, and may be above all roofs. Of convolutions
      # the direct way.
      if (name !~ /^pooled_/ && (name, shape[i]) in intensity && intensity[name, shape[i]] > 0) {
        group = name == "gemm" ? 1 : name == "conv_forward" ? 2 : name ~ /^conv_/ ? 3 : 4
        v = value(name SUBSEP shape[i] SUBSEP 1 SUBSEP 4)
        if (v == "NaN") v = value(name SUBSEP shape[i] SUBSEP 1 SUBSEP 1)
        roofline[group] = roofline[group] intensity[name, shape[i]] " " v "\n"
      }
      # Square, and the second of the two: A is not transposed
      if (name == "gemm" && split(shape[i], part, "/") == 2 && part[1] == "NN" &&
          split(part[2], extent, "x") == 3 && extent[1] == extent[2] && extent[2] == extent[3]) {
        print extent[1] figures(libraries, name, shape[i], 1, 1) figures(libraries, name, shape[i], most, 1) \
          > "gemm_size.dat"
      }
    }
  }
  for (group = 1; group <= 4; ++group) printf "NaN NaN\n%s\n\n", roofline[group] > "roofline.dat"
  print median(peaks, n_peaks), median(triads, n_triads) > "roofs.dat"

  n_cases = split("gemm NN/1024x1024x1024 gemm NN/128x128x1600 " \
    "conv_forward n128ic32ih13iw13oc64kh3kw3 conv_backward_data n128ic32ih13iw13oc64kh3kw3 " \
    "conv_backward_weights n128ic32ih13iw13oc64kh3kw3 conv_forward n1ic32ih13iw13oc64kh3kw3", word, " ")
  for (i = 1; i < n_cases; i += 2) {
    one = value(word[i] SUBSEP word[i + 1] SUBSEP 1 SUBSEP 1)
    if (one == "NaN") continue
    printf "\"%s %s\"\n", word[i], word[i + 1] > "scaling.dat"
    for (threads = 1; threads <= most; ++threads) {
      v = value(word[i] SUBSEP word[i + 1] SUBSEP threads SUBSEP 1)
      if (v != "NaN") print threads, v / one > "scaling.dat"
    }
    printf "\n\n" > "scaling.dat"
  }
}
