#!/usr/bin/env bash
# Usage: install_packages.sh [--list] [build|test|plot|data|docs|python|bench|peers|profile|fuzz|valgrind]...
#
# Installs the Debian packages of the named groups that are missing; build, test, plot and data unless some
# are named. Needs root, or sudo that asks no password; without, it names what is missing and leaves it at
# that.
#
#   build      what CMake asks for         bench     libraries to compare kernels with
#   test       for run_tests.sh            peers     frameworks to compare trainings with
#   plot       gnuplot and a font          profile   perf, for profile_kernels.sh
#   data       for fetch_data.sh           fuzz      clang, for fuzz.sh
#   docs       Doxygen, for make_docs.sh   valgrind  for check_sanitizers.sh
#   python     for a test with Python's safetensors
#
#   --list   print the packages, install nothing
#   --help   print this
#
# Exits with 1 if packages could not be installed that were tried, with 2 if used wrongly.

set -euo pipefail
# shellcheck source=scripts/common.sh
source "$(dirname -- "${BASH_SOURCE[0]}")/common.sh"

# 'a|b' is satisfied by either package, and installs the first.
build_packages=(g++ cmake ninja-build pkg-config libxsimd-dev libtbb-dev zlib1g-dev libpng-dev
  libcli11-dev libfmt-dev nlohmann-json3-dev)
# CMake configures the benchmarks along with the tests; a test reads symbols with nm (binutils), one plays
# older CPUs with qemu-user, one is in Python.
test_packages=(libgtest-dev libgmock-dev libbenchmark-dev binutils qemu-user python3)
# The variants of gnuplot exclude each other. Without a font that fontconfig knows, a PNG has boxes
# for text, and another font would change the plots.
plot_packages=('gnuplot-nox|gnuplot-qt|gnuplot-x11' fonts-dejavu-core)
data_packages=(curl ca-certificates)
# Libraries to compare with, and what reads the benchmarks' JSON. oneDNN's CMake package asks for OpenCL,
# which Debian's libdnnl-dev only recommends.
bench_packages=(libdnnl-dev ocl-icd-opencl-dev libopenblas-dev jq)
# Frameworks to compare with: dlib, on the BLAS that is fastest for it, and Python for the others, which
# pip installs.
peers_packages=(libdlib-dev libopenblas0-pthread python3 python3-venv)
# The reference from the headers; with clang's libraries, 215 MB.
docs_packages=(doxygen)
# pip installs NumPy and safetensors into build/python.
python_packages=(python3 python3-venv)
# perf, and objdump and addr2line for what it annotates.
profile_packages=(linux-perf binutils)
# With libFuzzer and the sanitizers.
fuzz_packages=(clang libclang-rt-dev)
valgrind_packages=(valgrind)

list=false
wanted=()
for argument in "$@"; do
  case $argument in
    --help | -h) print_help; exit 0 ;;
    --list) list=true ;;
    build) wanted+=("${build_packages[@]}") ;;
    test) wanted+=("${test_packages[@]}") ;;
    plot) wanted+=("${plot_packages[@]}") ;;
    data) wanted+=("${data_packages[@]}") ;;
    docs) wanted+=("${docs_packages[@]}") ;;
    python) wanted+=("${python_packages[@]}") ;;
    bench) wanted+=("${bench_packages[@]}") ;;
    peers) wanted+=("${peers_packages[@]}") ;;
    profile) wanted+=("${profile_packages[@]}") ;;
    fuzz) wanted+=("${fuzz_packages[@]}") ;;
    valgrind) wanted+=("${valgrind_packages[@]}") ;;
    *)
      usage_error "unknown argument '$argument'; expected --list, build, test, plot, data, docs, python, bench, peers," \
        "profile, fuzz or valgrind"
      ;;
  esac
done
if [[ ${#wanted[@]} -eq 0 ]]; then
  wanted=("${build_packages[@]}" "${test_packages[@]}" "${plot_packages[@]}" "${data_packages[@]}")
fi

if $list; then
  printf '%s\n' "${wanted[@]%%|*}"
  exit 0
fi
if ! is_debian; then
  say "not a Debian system; what it has to have (Debian's names): ${wanted[*]%%|*}"
  exit 0
fi

# One dpkg-query for all of them: it is quick, so that every script can begin with this one.
IFS='|' read -r -a names <<<"$(IFS='|'; printf '%s' "${wanted[*]}")"
installed=$(dpkg-query --show --showformat='${db:Status-Abbrev}${Package}\n' "${names[@]}" \
  2>/dev/null | sed -n 's/^.i *//p') || true  # fails when it does not know one of the names
missing=()
for package in "${wanted[@]}"; do
  grep -qxE "${package//+/[+]}" <<<"$installed" || missing+=("${package%%|*}")
done

if [[ ${#missing[@]} -eq 0 ]]; then
  exit 0
fi
if ! can_be_root; then
  say "not root; missing, please have them installed: ${missing[*]}"
  exit 0
fi
say "installing ${missing[*]}"
apt_install "${missing[@]}" || die "apt-get could not install ${missing[*]}"
