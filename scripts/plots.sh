#!/usr/bin/env bash
# Usage: plots.sh RUN... [--output DIR] [--data-dir DIR]
#
# Plots what 'tilewise train' left in RUN. From training.csv: loss, accuracy, training (the two side
# by side), learning_rate and throughput, of one run or of several in the same axes, each as .png and
# as .svg. From the weights of a single run, as .png: confusion, how often each class of the test
# images was taken for which; worst, the images with the largest losses; filters, the weights of the
# first convolution. What lacks data, weights or columns is left out, with a line that says so.
#
#   --output DIR     where the plots go; default: RUN/plots of a single run, plots beside the first of
#                    several
#   --data-dir DIR   the data set of confusion and worst; default: the one that the run was trained on
#   --help           print this
#
# Exits with 1 if a log is missing or malformed or gnuplot fails, with 2 if used wrongly.

set -euo pipefail
# shellcheck source=scripts/common.sh
source "$(dirname -- "${BASH_SOURCE[0]}")/common.sh"

runs=()
output=
data_dir=
while [[ $# -gt 0 ]]; do
  case $1 in
    --help | -h) print_help; exit 0 ;;
    --output) [[ $# -gt 1 ]] || usage_error "--output needs a folder"; output=$2; shift ;;
    --output=*) output=${1#*=} ;;
    --data-dir) [[ $# -gt 1 ]] || usage_error "--data-dir needs a folder"; data_dir=$2; shift ;;
    --data-dir=*) data_dir=${1#*=} ;;
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

# draw SCRIPT: has gnuplot make plots in the temporary folder.
draw() {
  (cd -- "$temporary" && gnuplot -e "$variables" "$scripts_dir/$1" 2>log) ||
    die "gnuplot failed: $(grep -v '^ *^*$' "$temporary/log" | head -n 1)"
}
draw plot_training.gp

left_out() { say "left out $1: ${2#tilewise: }"; }
for plot in learning_rate throughput; do
  [[ -e $temporary/$plot.png ]] || left_out "$plot" "training.csv does not have it"
done

# --- What a single run's weights show ------------------------------------------------------------

tilewise=$repo_root/build/release/apps/tilewise

# The data set of the run, or what --data-dir says. A relative path in config.toml is relative to
# where the training was started, mostly the repository.
find_data() {
  if [[ -z $data_dir ]]; then
    data_dir=$(sed -n 's/^data-dir = "\(.*\)"$/\1/p' "$1/config.toml" 2>/dev/null || true)
    if [[ -n $data_dir && ! -d $data_dir && $data_dir != /* && -d $repo_root/$data_dir ]]; then
      data_dir=$repo_root/$data_dir
    fi
  fi
  [[ -n $data_dir && -d $data_dir ]]
}

plot_weights() {
  local run=$1 weights=$1/model.safetensors error size
  if [[ ! -r $weights ]]; then
    left_out "confusion, worst and filters" "no $(short_path "$weights")"
    return
  fi
  if [[ ! -x $tilewise ]]; then
    left_out "confusion, worst and filters" "$(short_path "$tilewise") is not built"
    return
  fi
  if ! find_data "$run"; then
    left_out "confusion and worst" "no data set${data_dir:+ in $data_dir} (see --data-dir)"
  elif ! error=$("$tilewise" evaluate "$weights" --data-dir "$data_dir" \
      --confusion "$temporary/confusion.csv" --predictions "$temporary/predictions.csv" \
      --worst "$temporary/sheet.png" 2>&1 >/dev/null); then
    left_out "confusion and worst" "$error"
  else
    variables=$(awk -v names="$temporary/classes.txt" -f "$scripts_dir/plot_confusion.awk" \
      "$temporary/confusion.csv" 2>&1 >"$temporary/cells.txt") || die "$variables"
    draw plot_confusion.gp
    # The captions, in the order of the sheet.
    tail -n +2 "$temporary/predictions.csv" | LC_ALL=C sort -t , -k 5,5gr -k 1,1n |
      awk -F , 'NR <= 40 { print $2 " → " $3 }' >"$temporary/captions.txt"
    # A PNG has its width and height in bytes 16 to 23.
    read -r -a size < <(od -An -tu1 -j 16 -N 8 "$temporary/sheet.png")
    variables="images = $(wc -l <"$temporary/captions.txt")"
    variables+="; sheet_width = $((size[2] * 256 + size[3])); sheet_height = $((size[6] * 256 + size[7]))"
    draw plot_worst.gp
  fi
  rm -f -- "$temporary/sheet.png"
  if ! error=$("$tilewise" info "$weights" --filters "$temporary/filters.csv" 2>&1 >/dev/null); then
    left_out filters "$error"
  else
    variables=$(awk -f "$scripts_dir/plot_filters.awk" "$temporary/filters.csv" \
      2>&1 >"$temporary/tiles.txt") || die "$variables"
    draw plot_filters.gp
  fi
}
if [[ ${#runs[@]} -eq 1 ]]; then plot_weights "$(cd -- "${runs[0]}" && pwd)"; fi

# Where there is no DejaVu Sans, a font as wide as it is, or else any without serifs. The title is
# what a browser shows as tooltip.
sed -i -e 's/font-family="DejaVu Sans"/font-family="DejaVu Sans, Verdana, sans-serif"/' \
  -e 's/<title>Gnuplot</<title>Training curves</' "$temporary"/*.svg
drawn=$(cd -- "$temporary" && printf '%s, ' *.png)
mv -f -- "$temporary"/*.png "$temporary"/*.svg "$output"
say "${drawn%, } are in $(short_path "$output"), the curves as .svg, too"
