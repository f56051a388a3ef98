#!/usr/bin/env bash
# Usage: train_mnist.sh [trainer arguments]...
#
# Trains the Keras MNIST convnet from nothing but this repository: installs missing packages, builds
# the trainer, fetches the data, trains, evaluates on the test images, and plots the training.
#
# The arguments are those of 'tilewise train --help'. Some that matter here:
#
#   --output DIR     where the run goes; default: runs/mnist-<date>-<time> in the repository
#   --data-dir DIR   data already there, in IDX files; default: data/mnist, fetched if need be
#   --dry-run        one training step, to see that all is there; no evaluation, no plots
#   --help           print this
#
# Exits with the status of the first step that fails; the trainer's is 2 if used wrongly, 3 if the
# training diverged.

set -euo pipefail
# shellcheck source=scripts/common.sh
source "$(dirname -- "${BASH_SOURCE[0]}")/common.sh"

data_dir=
data_dir_given=false
output=
output_given=false
dry_run=false
defaults=()
previous=
for argument in "$@"; do
  case $previous in
    --output) output=$argument; previous=; continue ;;
    --data-dir) data_dir=$argument; previous=; continue ;;
  esac
  previous=$argument
  case $argument in
    --help | -h) print_help; exit 0 ;;
    --output) output_given=true ;;
    --output=*) output=${argument#*=}; output_given=true ;;
    --data-dir) data_dir_given=true ;;
    --data-dir=*) data_dir=${argument#*=}; data_dir_given=true ;;
    --dry-run) dry_run=true ;;
  esac
done

[[ $output_given == false || -n $output ]] || usage_error "--output needs a folder"
[[ $data_dir_given == false || -n $data_dir ]] || usage_error "--data-dir needs a folder"

install_packages
build_release tilewise_cli
tilewise=$repo_root/build/release/apps/tilewise

if [[ -z $data_dir ]]; then
  data_dir=$(short_path "$repo_root/data/mnist")
  defaults+=(--data-dir "$data_dir")
  "$scripts_dir/fetch_data.sh" mnist
fi
if [[ -z $output ]]; then
  output=$(short_path "$repo_root/runs/mnist-$(date +%Y%m%d-%H%M%S)")
  defaults+=(--output "$output")
fi

"$tilewise" train "${defaults[@]}" "$@"
if $dry_run; then exit 0; fi
"$tilewise" evaluate "$output/model.safetensors" --data-dir "$data_dir"
"$scripts_dir/plots.sh" "$output"

say "$output has the trained network (model.safetensors), the log (training.csv) and plots/"
