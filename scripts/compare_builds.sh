#!/usr/bin/env bash
# Usage: compare_builds.sh OLD NEW [options] [-- tilewise_bench arguments]...
#
# Whether a change makes kernels faster: runs the benchmarks of two versions in turn, so that both see the same
# moods of the machine, and prints for each case how many times as fast NEW is, by its median and its fastest
# repetition. Believe what stays when it is run again: two runs of one program differ by 1 to 2%, beside busy neighbours
# by more.
#
#   OLD, NEW         each a tilewise_bench program, or a revision of this repository such as HEAD~1, which is built in
#                    build/compare/<revision>
#   --filter REGEX   the cases; default: all
#   --threads LIST   numbers of threads; default: 1
#   --rounds N       of both programs, three repetitions each; default: 5
#   --help           print this
#
#   scripts/compare_builds.sh HEAD~1 build/release/bench/tilewise_bench --filter '^gemm/'
#
# Exits with 1 if a version cannot be built or run or they have no case in common, with 2 if used wrongly.

set -euo pipefail
# shellcheck source=scripts/common.sh
source "$(dirname -- "${BASH_SOURCE[0]}")/common.sh"

versions=() filter=. threads=1 rounds=5
while [[ $# -gt 0 ]]; do
  case $1 in
    --help | -h) print_help; exit 0 ;;
    --filter) [[ -n ${2-} ]] || usage_error "--filter needs an expression"; filter=$2; shift ;;
    --threads) [[ -n ${2-} ]] || usage_error "--threads needs numbers"; threads=$2; shift ;;
    --rounds) [[ ${2-} =~ ^[1-9][0-9]{0,3}$ ]] || usage_error "--rounds needs a positive number"; rounds=$2; shift ;;
    --) shift; break ;;
    -*) usage_error "unknown argument '$1'" ;;
    *) versions+=("$1") ;;
  esac
  shift
done
[[ ${#versions[@]} -eq 2 ]] || usage_error "expected two versions"

# The program of a version, which is built if it is a revision.
program_of() {
  local revision folder
  if [[ -f $1 && -x $1 ]]; then realpath -- "$1"; return; fi
  revision=$(git -C "$repo_root" rev-parse --verify --quiet --short "$1^{commit}") ||
    die "$1 is neither a program nor a revision"
  folder=$repo_root/build/compare/$revision
  if [[ ! -x $folder/bench/tilewise_bench ]]; then
    install_packages
    say "building $1 in $(short_path "$folder")"
    mkdir -p -- "$folder/source"
    git -C "$repo_root" archive "$revision" | tar -x -C "$folder/source" || die "$1 could not be unpacked"
    cmake -S "$folder/source" -B "$folder" -G Ninja -D CMAKE_BUILD_TYPE=Release -D TILEWISE_BUILD_APPS=OFF \
      -D TILEWISE_BUILD_TESTS=OFF -D TILEWISE_BUILD_EXAMPLES=OFF >&2 || die "$1 could not be configured"
    cmake --build "$folder" --target tilewise_bench >&2 || die "$1 could not be built"
  fi
  printf '%s\n' "$folder/bench/tilewise_bench"
}

have jq || "$scripts_dir/install_packages.sh" bench
old=$(program_of "${versions[0]}")
new=$(program_of "${versions[1]}")
results=$(mktemp -d)
trap 'rm -rf -- "$results"' EXIT

# run old|new PROGRAM: appends a line "old|new case nanoseconds" for each repetition.
run() {
  "$2" --threads "$threads" --benchmark_filter="$filter" --benchmark_min_time=0.02 --benchmark_repetitions=3 \
    --benchmark_out="$results/run.json" "${arguments[@]}" >"$results/log" 2>&1 || die "$2: $(tail -n 1 "$results/log")"
  jq -r --arg version "$1" '.benchmarks[] | select(.run_type == "iteration" and (.error_occurred | not))
    | [$version, (.name | sub("/repeats:.*"; "")), .real_time * {ns: 1, us: 1e3, ms: 1e6, s: 1e9}[.time_unit]]
    | @tsv' "$results/run.json" >>"$results/times.tsv"
}
arguments=("$@")
for ((round = 0; round < rounds; ++round)); do
  if ((round % 2 == 0)); then run old "$old"; run new "$new"; else run new "$new"; run old "$old"; fi
done
awk -f "$scripts_dir/compare_builds.awk" "$results/times.tsv" || die "the two have no case in common"
