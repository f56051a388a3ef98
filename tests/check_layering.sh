#!/usr/bin/env bash
# Usage: check_layering.sh [REPOSITORY]
#
# Checks who includes whom: core <- simd <- layers <- train <- apps, where an arrow never points the
# other way; nothing includes tests/ or bench/; no files include each other, directly or in a
# circle; the library includes oneTBB in core/parallel.* only; what is compiled per instruction set stays
# apart; and examples/ includes what is installed.
#
# Prints each offence and exits with 1 if there are any.

set -euo pipefail
cd -- "${1:-$(dirname -- "${BASH_SOURCE[0]}")/..}"

status=0
# offence WHAT LINES: complains unless there are none.
offence() {
  [[ -n $2 ]] || return 0
  status=1
  printf '%s:\n' "$1"
  printf '    %s\n' "${2//$'\n'/$'\n'    }"
}

# Every #include as "file name", the name as written.
folders=()
for folder in core simd layers train apps bench examples tests; do
  [[ -d $folder ]] && folders+=("$folder")
done
includes=$(grep -rHoE --include='*.cpp' --include='*.hpp' \
  '^[[:space:]]*#[[:space:]]*include[[:space:]]*[<"][^>"]+' "${folders[@]}" |
  sed -E 's/:[[:space:]]*#[[:space:]]*include[[:space:]]*[<"]/ /')
if (($(wc -l <<<"$includes") < 50)); then
  echo "check_layering.sh: no sources in $PWD" >&2
  exit 2
fi

# The project's own as "file file", paths from the root. <tilewise/core/...> is core/...; other
# names are looked for as the compiler would: beside the file, at the root, among the tests.
own=$(while read -r file name; do
  for candidate in "${name#tilewise/}" "$(dirname -- "$file")/$name" "tests/$name" "bench/$name"; do
    if [[ -f $candidate ]]; then
      printf '%s %s\n' "$file" "$(realpath --relative-to=. -- "$candidate")"
      break
    fi
  done
done <<<"$includes")

offence "an arrow that points up" "$(awk '
  BEGIN { split("core simd layers train apps", order); for (i in order) rank[order[i]] = i + 0 }
  {
    split($1, from, "/"); split($2, to, "/")
    if (!(from[1] in rank)) next
    if (!(to[1] in rank) || rank[to[1]] > rank[from[1]]) print $1 " includes " $2
  }' <<<"$own")"

offence "a header that does not exist" "$(while read -r file name; do
  [[ $name != tilewise/* || -f ${name#tilewise/} ]] || printf '%s includes %s\n' "$file" "$name"
done <<<"$includes")"

offence "a file that includes itself" "$(awk '$1 == $2' <<<"$own")"
# tsort complains of loops, and prints one member a line.
offence "a circle" "$(tsort <<<"$own" 2>&1 >/dev/null | sed 's/^tsort: //' || true)"

# Of the benchmarks' peers, a oneDNN may be one that runs on oneTBB, too.
offence "oneTBB outside core/parallel" "$(awk '
  $2 ~ /^(oneapi\/)?tbb\// && $1 !~ /^(core\/parallel|bench\/libraries\/onednn)\.[ch]pp$/' \
  <<<"$includes")"

# simd/kernels is compiled once per instruction set: code that anything else includes, or shared
# code that it includes, could reach a CPU that cannot run it.
offence "kernels included from outside simd/arch" "$(awk '
  $2 ~ /^simd\/kernels\// && $1 !~ /^simd\/(arch|kernels)\//' <<<"$own")"
offence "xsimd outside simd/kernels" "$(awk '
  $2 ~ /^xsimd\// && $1 !~ /^simd\/kernels\//' <<<"$includes")"
offence "not for code that is compiled per instruction set" "$(awk '
  $1 ~ /^simd\/(arch|kernels)\// &&
  $2 !~ /^(xsimd\/xsimd\.hpp|tilewise\/simd\/.*|c(math|stddef|stdint|string)|limits|type_traits|utility)$/' \
  <<<"$includes")"

# Users have the library's headers but for these.
offence "an example that includes what is not installed" "$(awk '
  $1 ~ /^examples\// && ($2 !~ /^(core|simd|layers|train|examples)\// ||
    $2 ~ /^(simd\/(kernels|arch)|train\/json)\//)' <<<"$own")"

# The library is silent; only the program prints.
offence "standard streams in the library" "$(awk '
  $1 ~ /^(core|simd|layers|train)\// && $2 == "iostream"' <<<"$includes")"

exit "$status"
