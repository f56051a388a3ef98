#!/usr/bin/env bash
# Usage: run_benchmarks.sh [options] [-- tilewise_bench arguments]...
#
# Times Tilewise's kernels against oneDNN and OpenBLAS: installs missing packages, builds with the peers
# in build/bench, runs all cases with repetitions interleaved, and writes results.json (every
# repetition), results.csv (medians), ratios.csv (Tilewise to the best peer) and plots. Prints the
# geometric means of the ratios. Takes about fifteen minutes on two cores.
#
#   --output DIR     where the results go; default: runs/bench-<date>-<time> in the repository
#   --threads LIST   numbers of threads, such as 1,2,4; default: 1, 2, 4 and so on up to the machine's
#   --repetitions N  of each case; default: 9
#   --isa NAME       hold Tilewise and its peers to an instruction set: sse2, avx2 or avx512; default:
#                    each takes the best it has. results.csv tells what they took (instruction_set, version)
#   --plot DIR       only draw the plots of results.csv in DIR again
#   --help           print this
#
# Another oneDNN, or MKL instead of OpenBLAS: configure build/bench first, as in
#   cmake --preset bench -D dnnl_DIR=/opt/onednn/lib/cmake/dnnl -D MKL_DIR=/opt/mkl/lib/cmake/mkl
#
# Exits with the status of the first step that fails; with 2 if used wrongly.

set -euo pipefail
# shellcheck source=scripts/common.sh
source "$(dirname -- "${BASH_SOURCE[0]}")/common.sh"

output=
threads=
repetitions=9
plot_only=false
while [[ $# -gt 0 ]]; do
  case $1 in
    --help | -h) print_help; exit 0 ;;
    --output) [[ $# -gt 1 ]] || usage_error "--output needs a folder"; output=$2; shift ;;
    --threads) [[ $# -gt 1 ]] || usage_error "--threads needs numbers"; threads=$2; shift ;;
    --repetitions) [[ $# -gt 1 ]] || usage_error "--repetitions needs a number"; repetitions=$2; shift ;;
    --isa) [[ $# -gt 1 ]] || usage_error "--isa needs a name"; export TILEWISE_ISA=$2; shift ;;
    --plot) [[ $# -gt 1 ]] || usage_error "--plot needs a folder"; output=$2; plot_only=true; shift ;;
    --) shift; break ;;
    *) usage_error "unknown argument '$1'" ;;
  esac
  shift
done
[[ $threads =~ ^([1-9][0-9]*(,[1-9][0-9]*)*)?$ ]] || usage_error "--threads $threads: expected such as 1,2,4"
[[ $repetitions =~ ^[1-9][0-9]*$ ]] || usage_error "--repetitions $repetitions: expected a positive number"

case ${TILEWISE_ISA-} in
  "" | sse2 | avx2 | avx512 | neon) ;;
  *) usage_error "--isa $TILEWISE_ISA: expected sse2, avx2, avx512 or neon" ;;
esac

# Draws the plots, and prints the means.
plot() (
  awk -f "$scripts_dir/benchmark_ratios.awk" "$output/results.csv" >"$output/ratios.csv"
  temporary=$(mktemp -d "$output/.plot.XXXXXX")
  trap 'rm -rf -- "$temporary"' EXIT
  cp -- "$output/results.csv" "$temporary"
  cd -- "$temporary"
  awk -f "$scripts_dir/benchmark_tables.awk" results.csv
  gnuplot "$scripts_dir/plot_benchmarks.gp" 2>log || die "gnuplot failed: $(tail -n 1 log)"
  mv -f -- *.png *.svg ..
  awk -f "$scripts_dir/benchmark_means.awk" ../ratios.csv
)

install_packages
"$scripts_dir/install_packages.sh" bench
if $plot_only; then
  [[ -r $output/results.csv ]] || die "$output/results.csv: no such file"
  plot
  exit 0
fi

build_preset bench

if [[ -z $threads ]]; then
  most=$(nproc)
  threads=1
  for ((n = 2; n < most; n *= 2)); do threads+=,$n; done
  if ((most > 1)); then threads+=,$most; fi
fi
if [[ -z $output ]]; then output=$(short_path "$repo_root/runs/bench-$(date +%Y%m%d-%H%M%S)"); fi
mkdir -p -- "$output"

# The peers choose instruction sets for themselves; an older oneDNN reads its variable under its older name.
hold_peers() {
  export ONEDNN_MAX_CPU_ISA=$1 DNNL_MAX_CPU_ISA=$1 OPENBLAS_CORETYPE=$2 MKL_ENABLE_INSTRUCTIONS=$3
}
case ${TILEWISE_ISA-} in
  sse2) hold_peers SSE41 Nehalem SSE4_2 ;;
  avx2) hold_peers AVX2 Haswell AVX2 ;;
esac
"$repo_root/build/bench/bench/tilewise_bench" --threads "$threads" --benchmark_repetitions="$repetitions" \
  --benchmark_min_time=0.02 --benchmark_out="$output/results.json" "$@"
jq -r -f "$scripts_dir/benchmark_csv.jq" "$output/results.json" >"$output/results.csv"
plot
say "$output has results.json, results.csv, ratios.csv and plots (.png and .svg)"
