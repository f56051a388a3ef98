#!/usr/bin/env bash
# Usage: plot_training.sh RUN... [--output DIR]
#
# Plots the training log RUN/training.csv of one run, or of several in the same axes: loss,
# accuracy, and training (the two side by side), each as .png and as .svg.
#
#   --output DIR   where the plots go; default: RUN/plots of a single run, plots beside the first of
#                  several
#   --help         print this
#
# Exits with 1 if a log is missing or malformed or gnuplot fails, with 2 if used wrongly.

set -euo pipefail
# shellcheck source=scripts/common.sh
source "$(dirname -- "${BASH_SOURCE[0]}")/common.sh"

runs=()
output=
while [[ $# -gt 0 ]]; do
  case $1 in
    --help | -h) print_help; exit 0 ;;
    --output) [[ $# -gt 1 ]] || usage_error "--output needs a folder"; output=$2; shift ;;
    --output=*) output=${1#*=} ;;
    -*) usage_error "unknown option '$1'" ;;
    *) runs+=("$1") ;;
  esac
  shift
done
[[ ${#runs[@]} -gt 0 ]] || usage_error "which run? expected the output folder of 'tilewise train'"

for run in "${runs[@]}"; do
  [[ -r $run/training.csv ]] || die "$run/training.csv: no such file"
done
have gnuplot || die "gnuplot is not installed (scripts/install_packages.sh plot)"

if [[ -z $output ]]; then
  first=$(cd -- "${runs[0]}" && pwd)
  output=${first%/*}/plots
  if [[ ${#runs[@]} -eq 1 ]]; then output=$first/plots; fi
fi

# A path that begins with / or ./ is neither an option nor, with a '=' in it, an assignment to awk.
logs=()
for run in "${runs[@]}"; do
  case $run in /*) logs+=("$run/training.csv") ;; *) logs+=("./$run/training.csv") ;; esac
done
variables=$(awk -f "$scripts_dir/plot_training.awk" "${logs[@]}" 2>&1) || die "$variables"

[[ $output == /* ]] || output=$PWD/$output
mkdir -p -- "$output" 2>/dev/null || die "cannot make the folder $(short_path "$output")"
temporary=$(mktemp -d "$output/.plot.XXXXXX" 2>/dev/null) ||
  die "cannot write to the folder $(short_path "$output")"
trap 'rm -rf -- "$temporary"; rmdir -- "$output" 2>/dev/null || true' EXIT
trap 'exit 130' INT TERM

for i in "${!runs[@]}"; do
  cp -- "${logs[i]}" "$temporary/$((i + 1)).csv"
  name=$(basename -- "$(cd -- "${runs[i]}" && pwd)")
  if [[ ${#name} -gt 60 ]]; then name="${name:0:57}..."; fi
  printf '%s\n' "$name"
done >"$temporary/names.txt"

(cd -- "$temporary" && gnuplot -e "$variables" "$scripts_dir/plot_training.gp" 2>log) ||
  die "gnuplot failed: $(grep -v '^ *^*$' "$temporary/log" | head -n 1)"

# Where there is no DejaVu Sans, a font as wide as it is, or else any without serifs. The title is
# what a browser shows as tooltip.
sed -i -e 's/font-family="DejaVu Sans"/font-family="DejaVu Sans, Verdana, sans-serif"/' \
  -e 's/<title>Gnuplot</<title>Training curves</' "$temporary"/*.svg
mv -f -- "$temporary"/*.png "$temporary"/*.svg "$output"
say "loss, accuracy and training (.png and .svg) are in $(short_path "$output")"
