#!/usr/bin/env bash
# Usage: check_isa_symbols.sh NM ISA OBJECT [ISA OBJECT]...
#
# Shows that nothing compiled for one instruction set can end up in the path of another.
#
#   * The linker keeps one copy of each weak symbol, whoever brought it. So every weak symbol of an
#     object must be that object's own: xsimd's namespace is renamed to xsimd_<isa> there, and every
#     kernel has one of its types among its template arguments.
#   * The one strong symbol is the table, <isa>_kernels.
#   * What is called from outside is C's memory functions and its mathematics: no allocation, no
#     streams, no exceptions, no threads.
#
# Prints each offence and exits with 1 if there are any.

set -euo pipefail

nm=${1:?}
shift
status=0

# offence ISA WHAT SYMBOLS...: complains unless there are none.
offence() {
  local isa=$1 what=$2
  shift 2
  (($#)) || return 0
  status=1
  printf '%s: %s:\n' "$isa" "$what"
  printf '%s\n' "$@" | "${CXXFILT:-c++filt}" | sed 's/^/    /'
}

if (($# == 0 || $# % 2 == 1)); then
  echo "check_isa_symbols.sh: expected pairs of ISA and OBJECT" >&2
  exit 2
fi

while (($#)); do
  isa=$1 object=$2
  shift 2
  # "name type [value size]", one a line. Lower case is local, but for u, v and w.
  symbols=$("$nm" -P "$object")
  mapfile -t undefined < <(awk '$2 == "U" { print $1 }' <<<"$symbols")
  mapfile -t shared < <(awk '$2 ~ /^[uvwVWC]$/ { print $1 }' <<<"$symbols")
  mapfile -t strong < <(awk '$2 ~ /^[ABDGRSTi]$/ { print $1 }' <<<"$symbols")

  # Mangled names spell each part with its length in front.
  namespace=xsimd_$isa table=${isa}_kernels
  leaks=() foreign=() extra=()
  for symbol in "${shared[@]}"; do
    [[ $symbol == *"${#namespace}$namespace"* ]] || leaks+=("$symbol")
  done
  for symbol in "${strong[@]}"; do
    [[ $symbol == "_ZN8tilewise4simd${#table}${table}E" ]] || extra+=("$symbol")
  done
  for symbol in "${undefined[@]}"; do
    # The last three are the compiler's: position-independent code, and its hardening options.
    case $symbol in
      logf | expf | sqrtf | memcpy | memset | memmove) ;;
      _GLOBAL_OFFSET_TABLE_ | __stack_chk_fail | __mem*_chk) ;;
      *) foreign+=("$symbol") ;;
    esac
  done

  offence "$isa" "the linker may share these with another instruction set" "${leaks[@]}"
  offence "$isa" "strong symbols other than the table" "${extra[@]}"
  offence "$isa" "calls out of the unit" "${foreign[@]}"
  if ((${#strong[@]} == 0)); then
    offence "$isa" "there is no table in" "$object"
  fi
  printf '%s: %d symbols of its own, calls %s\n' "$isa" "${#shared[@]}" "${undefined[*]}"
done
exit "$status"
