#!/usr/bin/env bash
# Usage: old_cpus_test.sh TILEWISE
#
# The same program on CPUs that lack instructions which this one may have, played by qemu-user: one without AVX-512
# and one without AVX. It takes the best that is there, refuses to be forced to more, and trains to the bits that
# the real CPU has with the same instruction set. Skipped (77) where there is no qemu-x86_64.

# shellcheck source=tests/apps/support.sh
source "$(dirname -- "${BASH_SOURCE[0]}")/support.sh"

if [[ $(uname -m) != x86_64 ]] || ! command -v qemu-x86_64 >/dev/null; then
  echo "skipped: there is no qemu-x86_64 (Debian's qemu-user), or the program is not for x86-64"
  exit 77
fi

# on CPU COMMAND...: runs it there. qemu also warns of features that it cannot play.
# shellcheck disable=SC2317  # called by expect
on() {
  local status=0
  qemu-x86_64 -cpu "$1" "${@:2}" 2>qemu_err || status=$?
  grep -v '^qemu-x86_64: warning: ' qemu_err >&2
  return "$status"
}

# try CPU BEST REFUSED...
try() {
  local cpu=$1 best=$2 model isa
  shift 2
  expect 0 "| $best | " on "$cpu" "$tilewise" info
  for isa in "$@"; do
    TILEWISE_ISA=$isa expect 2 "TILEWISE_ISA='$isa'" on "$cpu" "$tilewise" train --data-dir data --output refused
    [[ ! -e refused ]] || fail "$cpu: a run that was refused left a folder"
  done
  for model in keras resnet8; do
    options=(--data-dir data --model "$model" --epochs 2 --batch-size 8 --augment 'shift=2,rotate=10' --verbose 0)
    expect 0 "" on "$cpu" "$tilewise" train "${options[@]}" --threads 2 --output "$cpu-$model"
    expect 0 "" env TILEWISE_ISA="$best" "$tilewise" train "${options[@]}" --output "real-$best-$model"
    cmp "$cpu-$model/model.safetensors" "real-$best-$model/model.safetensors" ||
      fail "$cpu and $best on the real CPU do not give the same bits of $model"
  done
}

if grep -qw avx2 /proc/cpuinfo && grep -qw fma /proc/cpuinfo; then
  try Haswell avx2 avx512 neon
else
  echo "skipped: AVX2, which this CPU lacks, too"
fi
try qemu64 sse2 avx512 avx2 neon

finish "old CPUs"
