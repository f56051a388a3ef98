# What the tests of the benchmarks' programs have in common. Sourced; enters a folder that goes at the end.
# shellcheck shell=bash

folder=$(mktemp -d)
trap 'rm -rf -- "$folder"' EXIT
cd -- "$folder"

fail() { echo "FAILED: $*" >&2; exit 1; }

# expect STATUS TEXT ARGUMENT...: $program, run with the arguments, exits with STATUS and says TEXT.
expect() {
  local code=$1 text=$2 actual=0
  shift 2
  "$program" "$@" >out 2>&1 || actual=$?
  [[ $actual -eq $code ]] || fail "$*: exit code $actual, expected $code: $(cat out)"
  grep -qF -- "$text" out || fail "$*: expected '$text' in: $(cat out)"
}
