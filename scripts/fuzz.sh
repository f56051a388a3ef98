#!/usr/bin/env bash
# Usage: fuzz.sh [--seconds N] [FORMAT]...
#
# Fuzzes the readers of files: builds the fuzz preset (libFuzzer, address and undefined-behaviour sanitizers; clang,
# which it installs if it is missing) and gives each reader N seconds, 60 unless told, of inputs made from
# tests/corpus and from what earlier runs kept in build/fuzz/corpus. Formats: cifar10, config, idx, model_json, png,
# safetensors; all unless some are named.
#
#   --seconds N  so long for each reader, one after the other
#   --help       print this
#
# Exits with 1, and names the input, when a reader crashes, leaks, hangs for 10 s, takes more than 256 MB at once, or
# throws what it should not. build/fuzz/tests/fuzz/FORMAT_fuzzer INPUT repeats it.

set -euo pipefail
# shellcheck source=scripts/common.sh
source "$(dirname -- "${BASH_SOURCE[0]}")/common.sh"

all=(cifar10 config idx model_json png safetensors)
seconds=60
formats=()
while (($# > 0)); do
  case $1 in
    --help | -h) print_help; exit 0 ;;
    --seconds)
      seconds=${2-}
      [[ $seconds =~ ^[1-9][0-9]*$ ]] || usage_error "--seconds '$seconds': expected a whole number from 1"
      shift
      ;;
    *)
      [[ " ${all[*]} " == *" $1 "* ]] || usage_error "unknown argument '$1'; expected --seconds or ${all[*]}"
      formats+=("$1")
      ;;
  esac
  shift
done
((${#formats[@]} > 0)) || formats=("${all[@]}")

install_packages
"$scripts_dir/install_packages.sh" fuzz || say "going on without; CMake will tell what it lacks"
build_preset fuzz "${formats[@]/%/_fuzzer}"

cd -- "$repo_root/build/fuzz"
failed=()
for format in "${formats[@]}"; do
  mkdir -p "corpus/$format"
  log=corpus/$format.log
  if tests/fuzz/"${format}_fuzzer" -max_total_time="$seconds" -timeout=10 -malloc_limit_mb=256 -max_len=20000 \
    -artifact_prefix="$PWD/$format-" "corpus/$format" "$repo_root/tests/corpus/$format" >"$log" 2>&1; then
    say "$format: $(tail -n 1 "$log")"
  else
    failed+=("$format")
    tail -n 40 "$log" >&2
  fi
done
((${#failed[@]} == 0)) || die "failed: ${failed[*]}"
