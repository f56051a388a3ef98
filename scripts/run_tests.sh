#!/usr/bin/env bash
# Usage: run_tests.sh [ctest arguments]...
#
# Builds everything and runs the tests: installs missing packages, fetches MNIST, builds the release
# preset, runs ctest. The arguments are ctest's, such as '-R gemm' or '-j 4'. Exits with its status.
#
# Tests that lack something (an instruction set, MNIST, gnuplot, qemu-user, Python, Doxygen) are shown as
# skipped. With CI set in the environment, Doxygen and Python's safetensors (in build/python) are installed,
# too, and MNIST has to be there.
#
#   --help   print this

set -euo pipefail
# shellcheck source=scripts/common.sh
source "$(dirname -- "${BASH_SOURCE[0]}")/common.sh"

case ${1-} in --help | -h) print_help; exit 0 ;; esac

install_packages
# Away from a network most tests can still run; where the tests decide, they must all run.
"$scripts_dir/fetch_data.sh" mnist || [[ -z ${CI-} ]] || exit 1
if [[ -n ${CI-} ]]; then
  "$scripts_dir/install_packages.sh" docs python
  { python3 -m venv "$repo_root/build/python" && "$repo_root/build/python/bin/pip" install --quiet numpy safetensors; } ||
    say "going on without Python's safetensors"
fi
build_preset release

cd -- "$repo_root"
exec ctest --preset release "$@"
