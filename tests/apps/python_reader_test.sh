#!/usr/bin/env bash
# Usage: python_reader_test.sh TILEWISE
#
# Weights between Tilewise and Python: what 'tilewise train' wrote is read with the safetensors package, as NumPy
# arrays with the right values; what Python writes, Tilewise reads. 77, skipped, where neither build/python, which
# scripts/run_tests.sh makes where CI is set, nor python3 has the package.

here=$(realpath -- "$(dirname -- "${BASH_SOURCE[0]}")")
for python in "$here/../../build/python/bin/python" python3 ""; do
  "$python" -c 'import numpy, safetensors' 2>/dev/null && break
done
[[ -n $python ]] || { echo "skipped: no Python with numpy and safetensors"; exit 77; }
# shellcheck source=tests/apps/support.sh
source "$here/support.sh"

expect 0 "" "$tilewise" train --data-dir data --model lenet5 --epochs 1 --verbose 0 --output run
expect 0 "" "$tilewise" info run/model.safetensors --filters filters.csv
"$python" "$here/python_reader.py" run/model.safetensors filters.csv python.safetensors || fail "Python reads something else"
expect 0 "" "$tilewise" convert --model run/model.safetensors python.safetensors back.safetensors
expect 0 "" "$tilewise" predict run/model.safetensors --data-dir data --output before.csv
expect 0 "" "$tilewise" predict back.safetensors --data-dir data --output after.csv
cmp before.csv after.csv || fail "weights that went through Python predict something else"

finish "Python reader"
