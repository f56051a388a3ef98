#!/usr/bin/env bash
# Usage: check_sanitizers.sh asan|tsan|valgrind [ctest arguments]...
#
# Looks for what tests do not see by themselves. Installs missing packages and builds first.
#
#   asan      all tests with gcc's address and undefined-behaviour sanitizers
#   tsan      the tests of what runs on several threads, with the thread sanitizer: all of core and train, the command
#             line, the examples, every layer forward and backward, and of simd what spreads over threads: matrix
#             products and batches of convolutions. The other suites of simd are left out, for they repeat arithmetic
#             on one thread for many shapes, and all but the best instruction set: kernels start no threads, and who
#             writes what is decided above them, alike for all. tests/support/tsan.supp leaves out what oneTBB, which
#             is not built for the sanitizer, does with its own memory. ctest's -R would replace this choice, -E and
#             others go with it.
#   valgrind  short trainings, one resumed, and predictions under memcheck, with TILEWISE_ISA=sse2: memory that is
#             read before it is written, which asan does not see, and leaks. Takes no ctest arguments.
#
#   --help    print this
#
# Exits with 1 if something was found, with 2 if used wrongly.

set -euo pipefail
# shellcheck source=scripts/common.sh
source "$(dirname -- "${BASH_SOURCE[0]}")/common.sh"

[[ $# -gt 0 ]] || usage_error "expected asan, tsan or valgrind"
case $1 in
  --help | -h) print_help; exit 0 ;;
  asan | tsan) install_packages ;;
  valgrind)
    [[ $# == 1 ]] || usage_error "valgrind takes no arguments"
    install_packages
    "$scripts_dir/install_packages.sh" valgrind || true
    have valgrind || die "valgrind is missing"
    ;;
  *) usage_error "unknown argument '$1'; expected asan, tsan or valgrind" ;;
esac
what=$1
shift
"$scripts_dir/fetch_data.sh" mnist || say "going on without MNIST; tests of it will be skipped"

# Suites of simd whose code spreads work over threads.
threaded_suites='ConvBatch|Gemm|FmaPeak'

check_asan() { ctest --preset asan "$@"; }

check_tsan() {
  local best
  best=$(build/tsan/apps/tilewise info | sed -n 's/^instruction set *\([a-z0-9]*\).*/\1/p')
  ctest --preset tsan --tests-regex \
    "^(core|train|examples)\\.|^command_line|^layers\\.$best\\.|^simd\\.$best\\.($threaded_suites)\$" "$@"
}

# memcheck COMMAND...: fails when memcheck finds something. Memory that is lost for good counts, not what the threads
# of oneTBB, which outlive the program, still have.
memcheck() {
  say "valgrind: tilewise $*"
  TILEWISE_ISA=sse2 valgrind --quiet --error-exitcode=99 --leak-check=full \
    --show-leak-kinds=definite --errors-for-leak-kinds=definite "$repo_root/build/release/apps/tilewise" "$@" >/dev/null
}

check_valgrind() (
  work=$(mktemp -d)
  trap 'rm -rf -- "$work"' EXIT
  mnist_subset data/mnist 100 "$work/data"
  # Each network with another optimizer, schedule and the rest; a batch that is smaller, at the end of the epoch.
  options=(--data-dir "$work/data" --epochs 2 --batch-size 24 --threads 2 --log-steps 1 --verbose 2)
  memcheck train "${options[@]}" --model keras --output "$work/keras"
  memcheck train "${options[@]}" --model lenet5 --output "$work/lenet5" --optimizer rmsprop --centered --momentum 0.5 \
    --schedule one-cycle --augment 'shift=2,rotate=10,elastic=34' --ema 0.9
  memcheck train "${options[@]}" --model bn_convnet --output "$work/bn_convnet" --optimizer sgd --momentum 0.9 \
    --nesterov --schedule cosine --l2 0.001 --clip-global-norm 1 --early-stopping 1 --save-best val_loss \
    --checkpoint-steps 2
  memcheck train "${options[@]}" --model resnet8 --output "$work/resnet8" --optimizer adamw --loss mse
  memcheck train --resume "$work/resnet8" --epochs 3 --profile --trace "$work/trace.json"
  memcheck evaluate --data-dir "$work/data" "$work/keras/model.safetensors"
  memcheck predict --data-dir "$work/data" "$work/bn_convnet/best.safetensors" --output "$work/predictions.csv"
  memcheck completion bash
)

cd -- "$repo_root"
case $what in
  asan | tsan) build_preset "$what" && "check_$what" "$@" ;;
  valgrind) build_release tilewise_cli && check_valgrind ;;
esac
say "$what found nothing"
