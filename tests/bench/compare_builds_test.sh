#!/usr/bin/env bash
# Usage: compare_builds_test.sh TILEWISE_BENCH
#
# Runs scripts/compare_builds.sh with stand-ins whose times are known, and with the program itself.

set -euo pipefail
bench=$(realpath -- "$1")
tests=$(dirname -- "$(realpath -- "$0")")
program=$tests/../../scripts/compare_builds.sh
command -v jq >/dev/null || { echo "skipped: no jq"; exit 77; }
# shellcheck source=tests/bench/support.sh
source "$tests/support.sh"

# stand_in NAME CASE NANOSECONDS...: a program whose repetitions of the case take so long. It leaves its name and
# arguments in calls.
stand_in() {
  local name=$1 text=$2 runs
  shift 2
  runs=$(printf '{"name": "'"$text"'/repeats:3", "run_type": "iteration", "time_unit": "ns", "real_time": %s}, ' "$@")
  cat >"$name" <<STAND_IN
#!/usr/bin/env bash
echo "$name \$*" >>"$folder/calls"
for argument in "\$@"; do
  case \$argument in --benchmark_out=*) out=\${argument#*=} ;; esac
done
cat >"\$out" <<'JSON'
{"benchmarks": [$runs
  {"name": "$text/repeats:3_mean", "run_type": "aggregate", "time_unit": "ns", "real_time": 1}]}
JSON
STAND_IN
  chmod +x "$name"
}

# Medians 300 and 200, fastest 100 and 200; programs take turns at being first.
stand_in old gemm/tilewise/NN/1x2x3/threads:1 300 100 400
stand_in new gemm/tilewise/NN/1x2x3/threads:1 200 200 300
expect 0 '        0.30         0.20   1.500x   0.500x  gemm/tilewise/NN/1x2x3/threads:1' ./old ./new --rounds 2 \
  --filter '^gemm' --threads 1,2 -- --shapes some.txt
grep -qF '1.500x   0.500x  geometric mean of 1' out || fail "no mean in: $(cat out)"
[[ $(cut -d ' ' -f 1 calls | tr '\n' ' ') == 'old new new old ' ]] || fail "order: $(cat calls)"
for argument in --benchmark_filter=^gemm '--threads 1,2' '--shapes some.txt'; do
  [[ $(grep -cF -- "$argument" calls) -eq 4 ]] || fail "no $argument in: $(cat calls)"
done

stand_in other gemm/tilewise/NN/3x2x1/threads:1 100
expect 1 'no case in common' ./old ./other --rounds 1
expect 1 'neither a program nor a revision' ./old no-such-revision
expect 2 'expected two versions' ./old
expect 2 'expected two versions' ./old ./new ./other
expect 2 '--rounds needs a positive number' ./old ./new --rounds 0
expect 2 "unknown argument '--nonsense'" ./old ./new --nonsense

echo 'gemm NN 5x7x3' >shapes.txt
expect 0 'gemm/tilewise/NN/5x7x3/threads:1' "$bench" "$bench" --rounds 1 -- --shapes shapes.txt
expect 1 'no case matches the filter' "$bench" "$bench" --filter nothing

echo "all checks passed"
