#!/usr/bin/env bash
# Usage: plots_test.sh TILEWISE
#
# scripts/plots.sh, from a run to pictures: all of them, several runs, and runs that lack something. It runs
# in a copy of the scripts that has TILEWISE as its release build. 77, skipped, without gnuplot.

command -v gnuplot >/dev/null || { echo "skipped: gnuplot is not installed"; exit 77; }
tests=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.." && pwd)
# shellcheck source=tests/apps/support.sh
source "$tests/apps/support.sh"

mkdir -p copy/build/release/apps
cp -R -- "$tests/../scripts" copy/
ln -s -- "$tilewise" copy/build/release/apps/tilewise
plots=copy/scripts/plots.sh

# pictures FOLDER NAME...: the PNGs in it are these and no others, and none is empty.
pictures() {
  local folder=$1
  shift
  [[ $(cd -- "$folder" && echo *.png) == "$(printf '%s.png\n' "$@" | sort | xargs)" ]] ||
    fail "$folder has $(cd -- "$folder" && echo *), expected $*"
  [[ -z $(find "$folder" -name '*.*' -size -1k) ]] || fail "$folder has an empty file"
}
curves=(accuracy learning_rate loss throughput training)

train() { expect 0 "" "$tilewise" train --data-dir data --epochs 2 --validation-split 0.2 --verbose 0 "$@"; }
train --model lenet5 --output run
train --model mlp --output flat

expect 0 "are in run/plots" "$plots" run
pictures run/plots "${curves[@]}" confusion filters worst
for curve in "${curves[@]}"; do [[ -s run/plots/$curve.svg ]] || fail "no $curve.svg"; done

# Several: curves alone.
expect 0 "" "$plots" run flat --output both
pictures both "${curves[@]}"
grep -q '>flat<' both/learning_rate.svg || fail "learning_rate.svg does not name the run flat"

# No convolution; no data; no weights; a log of Keras.
expect 0 "left out filters: " "$plots" flat
pictures flat/plots "${curves[@]}" confusion worst
expect 0 "left out confusion and worst: no data set in nowhere" "$plots" run --data-dir nowhere --output part
pictures part "${curves[@]}" filters
mkdir keras
cut -d , -f 1-5 run/training.csv >keras/training.csv
expect 0 "left out confusion, worst and filters: no keras/model.safetensors" "$plots" keras
pictures keras/plots accuracy loss training
for plot in learning_rate throughput; do
  grep -q "left out $plot: " err || fail "does not say that there is no $plot"
done

mkdir broken
sed 's/^2,[^,]*/2,much/' run/training.csv >broken/training.csv
"$plots" broken 2>err && fail "a malformed log is plotted"
grep -q 'line 3: "much" in the column accuracy' err || fail "does not say what is wrong with the log"

finish plots
