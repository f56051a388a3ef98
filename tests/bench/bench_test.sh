#!/usr/bin/env bash
# Usage: bench_test.sh TILEWISE_BENCH
#
# Runs the benchmark program on shapes so small that only its behaviour is of interest.

set -euo pipefail
program=$(realpath -- "$1")
# shellcheck source=tests/bench/support.sh
source "$(dirname -- "$(realpath -- "$0")")/support.sh"

cat >shapes.txt <<'SHAPES'
# a comment, and an empty line

gemm NT 5x7x3   # another comment
  conv   n2ic3ih6iw5oc4kh3kw2s2pt1pr1
conv n1ic1ih6iw7oc32kh3kw3
conv n8ic32ih14iw14oc32kh3kw3
pooled_conv n2ic1ih6iw6oc5kh3kw3
pooled_conv n2ic32ih6iw6oc5kh3kw3
depthwise n2ic3ih6iw5kh3kw2s2pt1pr1
max_pool n2c3ih5iw5kh2kw2
vector 33
matrix 3x10
batch 2x9
images n2h5w7c3
SHAPES
one_thread='bias_gradient|copy_matrix|transpose|add_windows|sum_squares|all_finite'
one_thread+='|depthwise_[a-z_]+|pooled_conv_[a-z_]+|column_deviations|batch_norm_sums'
fast=(--benchmark_min_time=0.0001 --threads '1,2')

# Every kind of case is run, under its documented name, at every number of threads; of convolutions each way.
expect 0 gemm/tilewise/NT/5x7x3/threads:1 --shapes shapes.txt "${fast[@]}" --benchmark_out=out.json
for name in gemm/tilewise/NT/5x7x3 conv_forward/tilewise/n2ic3ih6iw5oc4kh3kw2s2pt1pr1 \
  conv_backward_data/tilewise/n2ic3ih6iw5oc4kh3kw2s2pt1pr1 \
  conv_backward_weights/tilewise/n2ic3ih6iw5oc4kh3kw2s2pt1pr1 \
  conv_forward/tilewise/n1ic1ih6iw7oc32kh3kw3 conv_backward_weights/tilewise/n1ic1ih6iw7oc32kh3kw3 \
  conv_forward/tilewise/n8ic32ih14iw14oc32kh3kw3 conv_forward/tilewise_direct/n8ic32ih14iw14oc32kh3kw3 \
  conv_backward_data/tilewise_direct/n8ic32ih14iw14oc32kh3kw3 \
  conv_backward_weights/tilewise_direct/n8ic32ih14iw14oc32kh3kw3 \
  pooled_conv_forward/tilewise/n2ic1ih6iw6oc5kh3kw3 pooled_conv_backward_weights/tilewise/n2ic1ih6iw6oc5kh3kw3 \
  pooled_conv_forward/tilewise/n2ic32ih6iw6oc5kh3kw3 pooled_conv_backward_weights/tilewise/n2ic32ih6iw6oc5kh3kw3 \
  pooled_conv_backward_data/tilewise/n2ic32ih6iw6oc5kh3kw3 \
  depthwise_forward/tilewise/n2ic3ih6iw5kh3kw2s2pt1pr1 depthwise_backward_data/tilewise/n2ic3ih6iw5kh3kw2s2pt1pr1 \
  depthwise_backward_weights/tilewise/n2ic3ih6iw5kh3kw2s2pt1pr1 \
  max_pool_forward/tilewise/n2c3ih5iw5kh2kw2 max_pool_backward/tilewise/n2c3ih5iw5kh2kw2 \
  average_pool_forward/tilewise/n2c3ih5iw5kh2kw2 average_pool_backward/tilewise/n2c3ih5iw5kh2kw2 \
  leaky_relu_forward/tilewise/33 elu_backward/tilewise/33 sigmoid_forward/tilewise/33 \
  tanh_backward/tilewise/33 silu_forward/tilewise/33 gelu_forward/tilewise/33 gelu_backward/tilewise/33 \
  gelu_tanh_backward/tilewise/33 \
  add/tilewise/33 relu_forward/tilewise/33 relu_backward/tilewise/33 dropout/tilewise/33 \
  add_scaled/tilewise/33 scale_and_clip/tilewise/33 sum_squares/tilewise/33 all_finite/tilewise/33 \
  adam_update/tilewise/33 sgd_update/tilewise/33 rmsprop_update/tilewise/33 moving_average/tilewise/33 \
  softmax/tilewise/3x10 softmax_backward/tilewise/3x10 softmax_cross_entropy/tilewise/3x10 mean_squared_error/tilewise/3x10 \
  bias_gradient/tilewise/3x10 copy_matrix/tilewise/3x10 \
  transpose/tilewise/3x10 add_windows/tilewise/3x10 column_deviations/tilewise/3x10 \
  batch_norm_sums/tilewise/3x10 scale_shift/tilewise/3x10 batch_norm_backward/tilewise/3x10 \
  batch_assembly/tilewise/2x9 fir/tilewise/33 warp/tilewise/n2h5w7c3; do
  for threads in 1 2; do
    # These are called on one thread only.
    if [[ $threads -gt 1 && ${name%%/*} =~ ^($one_thread)$ ]]; then continue; fi
    grep -q "^$name/threads:$threads " out || fail "$name/threads:$threads was not run"
    grep -qF "\"name\": \"$name/threads:$threads\"" out.json || fail "$name/threads:$threads is not in the JSON"
  done
done
# One JSON document, whole, with the facts.
[[ $(grep -c '"context": {' out.json) -eq 1 && $(tail -n 1 out.json) == '}' ]] || fail "out.json is not one document"
for fact in cpu instruction_set compiler tilewise_version; do
  grep -qF "\"$fact\": " out.json || fail "$fact is not in the JSON"
done

# Of repetitions the console shows the median, the JSON all.
expect 0 gemm/tilewise/NT/5x7x3/threads:1_median --shapes shapes.txt --threads 1 \
  --benchmark_min_time=0.0001 --benchmark_filter=gemm/tilewise --benchmark_repetitions=3 --benchmark_out=out.json
[[ $(grep -c '"run_type": "iteration"' out.json) -eq 3 ]] || fail "out.json does not have 3 repetitions"
expect 0 add/tilewise/33/threads:1 --shapes shapes.txt --threads 1 --benchmark_list_tests
[[ $(grep -cE "/tilewise(_direct)?/" out) -eq $(wc -l <out) ]] || fail "a list of names has more than names: $(cat out)"
# Several lists after one --shapes, and several numbers of threads after one --threads.
echo 'vector 5' >more.txt
several=(--benchmark_list_tests --benchmark_filter='add/')
for arguments in '--shapes shapes.txt more.txt --threads 1 2' '--shapes shapes.txt --shapes more.txt --threads 1,2'; do
  # shellcheck disable=SC2086
  expect 0 add/tilewise/33/threads:1 $arguments "${several[@]}"
  for name in add/tilewise/33/threads:2 add/tilewise/5/threads:1 add/tilewise/5/threads:2; do
    grep -qxF "$name" out || fail "$arguments: no $name in $(cat out)"
  done
done
# A filter sees the names that are shown, from end to end.
expect 0 add/tilewise/33/threads:1 --shapes shapes.txt --benchmark_filter='^add/tilewise/33/threads:1$' "${fast[@]}"

# Mistakes
expect 1 "no case matches" --shapes shapes.txt --benchmark_filter=nonsense
expect 1 "missing.txt: cannot be read" --shapes missing.txt
expect 1 "/dev/full: writing failed" --shapes shapes.txt --benchmark_filter=add/ "${fast[@]}" --benchmark_out=/dev/full
expect 1 "nowhere/out.json: cannot be written" --shapes shapes.txt --benchmark_out=nowhere/out.json
for line in "gemm" "gemm NN" "gemm TT 1x2x3" "gemm NN 1x2" "gemm NN 0x2x3" "gemm NN 1x2x99999999999" \
  "conv n1ic0" "conv n1ic1ih2iw2oc1kh3kw3" "conv q3" "conv n" "max_pool n1c3ih2iw2kh3kw3" "vector -5" \
  "max_pool n1c1ih300iw300kh300kw300" "images n1h40000w1c1" "images n1h9000w9000c300" "matrix 3" "batch 3x" "soup 5"; do
  printf '\n%s\n' "$line" >bad.txt
  expect 1 "bad.txt, line 2: '$line'" --shapes bad.txt
done
expect 2 "--threads" --threads 0
expect 2 "--benchmark_nonsense" --benchmark_nonsense
expect 2 "--benchmark_filter" --shapes shapes.txt --benchmark_filter='['
expect 0 "--shapes" --help
