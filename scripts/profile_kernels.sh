#!/usr/bin/env bash
# Usage: profile_kernels.sh [tilewise arguments]...
#
# Shows which functions the processor spends its time in, and where in the hottest: installs missing
# packages, builds with symbols and frame pointers (the CMake preset 'profile', otherwise as the release),
# fetches MNIST if need be, runs tilewise under perf, and prints the top functions, the source lines and
# the instructions of the first. (Layers and passes are what 'tilewise profile' shows, without perf.)
#
# The arguments are those of tilewise; without any: profile. For example
#
#   profile_kernels.sh profile --threads 1 --steps 200
#   TILEWISE_ISA=sse2 profile_kernels.sh train --dry-run
#
#   --help   print this
#
# perf counts processor cycles, or samples the clock where the machine has no such counter, as in most
# virtual machines. The recording stays in build/profile/perf.data, for perf report -i.
#
# Exits with the status of the first step that fails; with tilewise's if it fails.

set -euo pipefail
# shellcheck source=scripts/common.sh
source "$(dirname -- "${BASH_SOURCE[0]}")/common.sh"

case ${1-} in --help | -h) print_help; exit 0 ;; esac
[[ $# -gt 0 ]] || set -- profile

install_packages
"$scripts_dir/install_packages.sh" profile
have perf || die "perf: not found"
build_preset profile tilewise_cli

# Data for the commands that want some.
data=()
case " $* " in
  *" --data-dir"*) ;;
  " profile "* | " train "* | " evaluate "*)
    "$scripts_dir/fetch_data.sh" mnist
    data=(--data-dir "$(short_path "$repo_root/data/mnist")")
    ;;
esac

recording=$(short_path "$repo_root/build/profile/perf.data")
event=cycles
if perf stat -e cycles:u true 2>&1 | grep -qE 'not (supported|counted)|not found|rror'; then
  event=cpu-clock
  say "no counter of cycles here: sampling the clock"
fi
perf record --quiet --freq 1997 --event "$event:u" --call-graph fp --output "$recording" -- \
  "$repo_root/build/profile/apps/tilewise" "$@" ${data[@]+"${data[@]}"}

# Templates' names are long: the namespaces are left out, and the architectures of xsimd are shortened.
shorten() {
  sed -E 's/tilewise::(simd::)?//g; s/xsimd_([a-z0-9]+)::[a-z0-9]+(<xsimd_[^<>]*>)?/\1/g; s/ >/>/g; s/ +- +- *$//'
}
# What perf says that is not about the program goes to a file: missing symbols of the kernel, mostly.
messages=$(mktemp)
trap 'rm -f -- "$messages"' EXIT
quiet_perf() { perf "$@" 2>"$messages" || die "perf $1 failed: $(tail -n 1 "$messages")"; }

# Lines such as "    49.53%  [.] name   -   -". Measuring the peak is not what anybody looks for.
functions=$(quiet_perf report --input "$recording" --stdio --no-children --call-graph none \
  --sort symbol --percent-limit 0.4 |
  awk '/^#/ || NF == 0 { next } /::fma_peak</ { peak += $1; next } { line[n++] = $0 }
    END {
      for (i = 0; i < n; i++) {
        split(line[i], field); sub(/^ *[0-9.]+%/, "", line[i])
        printf "%8.2f%%%s\n", field[1] / (1 - peak / 100), line[i]
      }
    }')
printf '\nFunctions, share of all samples but those of measuring the peak\n\n'
shorten <<<"$functions" | sed -n 1,20p

top=$(sed -nE '1{s/^ *[0-9.]+% +\[[^]]*\] +//; s/( +-)* *$//; p}' <<<"$functions")
annotated=$(quiet_perf annotate --input "$recording" --stdio --print-line --symbol "$top")

printf '\nSource lines of %s, share of its samples\n\n' "$(shorten <<<"$top")"
awk '/^ Percent \|/ { exit } $1 + 0 >= 1' <<<"$annotated"
printf '\nIts hottest instructions\n\n'
awk '$2 == ":" && $1 + 0 >= 1.5' <<<"$annotated"
say "$recording has all of it: perf report -i $recording"
