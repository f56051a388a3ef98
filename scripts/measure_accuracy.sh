#!/usr/bin/env bash
# Usage: measure_accuracy.sh [SEEDS] [trainer arguments]...
#
# Trains once for each seed from 1 to SEEDS (default: 3) with the same options, as in
#
#   measure_accuracy.sh 10 --preset fast
#   measure_accuracy.sh 3 --preset best --data-dir data/fashion-mnist
#
# and prints for each seed the accuracy and the loss on the test images, the seconds that its training
# steps took, and those of the whole command (starting, reading the data, training, testing, writing); then
# their means, and the standard deviation and the least of the accuracies. What was printed while training
# and the runs are kept in a folder of their own, runs/accuracy-<date>-<time>.
#
#   --help           print this
#
# Exits with the status of the first training that fails.

set -euo pipefail
# shellcheck source=scripts/common.sh
source "$(dirname -- "${BASH_SOURCE[0]}")/common.sh"

seeds=3
case ${1-} in
  --help | -h) print_help; exit 0 ;;
  [0-9]*) seeds=$1; shift ;;
esac
[[ $seeds =~ ^[1-9][0-9]{0,3}$ ]] || usage_error "how many seeds? expected 1 to 9999, not '$seeds'"
data_dir_given=false
for argument in "$@"; do
  case $argument in
    --seed | --seed=* | --output | --output=*) usage_error "${argument%%=*} is chosen by this script" ;;
    --data-dir | --data-dir=*) data_dir_given=true ;;
  esac
done

install_packages
build_release tilewise_cli
if ! $data_dir_given; then
  "$scripts_dir/fetch_data.sh" mnist
  set -- --data-dir "$(short_path "$repo_root/data/mnist")" "$@"
fi
runs=$(short_path "$repo_root/runs/accuracy-$(date +%Y%m%d-%H%M%S)")
mkdir -p -- "$runs"

# results: what a run left as "accuracy loss seconds" (those of training.csv's epochs).
results() {
  awk '/^Test accuracy/ { print $3, $7 }' "$1.log"
  awk -F, 'NR == 1 { for (i = 1; i <= NF; ++i) column[$i] = i } NR > 1 { sum += $column["seconds"] }
           END { print sum }' "$1/training.csv"
}

printf '%5s %10s %8s %10s %10s\n' seed accuracy loss training command
for ((seed = 1; seed <= seeds; ++seed)); do
  run=$runs/seed-$seed
  start=$EPOCHREALTIME
  "$repo_root/build/release/apps/tilewise" train "$@" --verbose 2 --seed "$seed" --output "$run" >"$run.log" || {
    status=$?
    say "seed $seed failed; see $run.log"
    exit "$status"
  }
  end=$EPOCHREALTIME
  read -r accuracy loss training < <(results "$run" | xargs)
  command=$(awk -v start="$start" -v end="$end" 'BEGIN { print end - start }')
  printf '%5d %10.4f %8.4f %8.2f s %8.2f s\n' "$seed" "$accuracy" "$loss" "$training" "$command"
done | tee "$runs/table.txt"

awk '{
       ++n; a += $2; aa += $2 * $2; loss += $3; training += $4; command += $6
       if (n == 1 || $2 < least) least = $2
     }
     END {
       mean = a / n
       variance = n > 1 ? (aa - n * mean * mean) / (n - 1) : 0
       printf "%5s %10.4f %8.4f %8.2f s %8.2f s\n", "mean", mean, loss / n, training / n, command / n
       deviation = variance > 0 ? sqrt(variance) : 0
       printf "accuracy: standard deviation %.4f, least %.4f\n", deviation, least
     }' "$runs/table.txt"
say "$runs has the runs"
