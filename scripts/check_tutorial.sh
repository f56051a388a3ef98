#!/usr/bin/env bash
# Usage: check_tutorial.sh [--update] [TILEWISE]
#
# Runs every command of docs/tutorial.md, the lines that begin with "$ " in its console blocks, in a new
# folder, and compares what they print with what the page shows: the words have to be the same, numbers may
# differ, and a line of "..." stands for any lines. Pictures that the page shows have to be made.
#
#   --update         write what was printed into the page, and its pictures into docs/images/tutorial; in a
#                    block with "..." the numbers alone
#   TILEWISE         the program to run; default: the release build, made first
#   --help           print this
#
# Exits with 1, and the difference, at the first command that fails or prints something else; with 77 if
# gnuplot or MNIST is not there.

set -euo pipefail
# shellcheck source=scripts/common.sh
source "$(dirname -- "${BASH_SOURCE[0]}")/common.sh"

update=false
tilewise=
for argument in "$@"; do
  case $argument in
    --help | -h) print_help; exit 0 ;;
    --update) update=true ;;
    -*) usage_error "unknown option '$argument'" ;;
    *) tilewise=$argument ;;
  esac
done
have gnuplot || { say "skipped: gnuplot is not installed"; exit 77; }
if [[ -z $tilewise ]]; then
  build_release tilewise_cli
  tilewise=$repo_root/build/release/apps/tilewise
  "$scripts_dir/fetch_data.sh" mnist
fi
[[ -d $repo_root/data/mnist ]] || { say "skipped: no MNIST (scripts/fetch_data.sh mnist)"; exit 77; }

page=$repo_root/docs/tutorial.md
pictures=$repo_root/docs/images/tutorial
work=$(mktemp -d)
trap 'rm -rf -- "$work"' EXIT

# The reader's folder: the scripts and the data of the repository, the program on the path. plots.sh looks
# for the program where it builds it.
mkdir -p "$work/bin" "$work/here/build/release/apps"
ln -s -- "$(realpath -- "$tilewise")" "$work/bin/tilewise"
ln -s -- "$(realpath -- "$tilewise")" "$work/here/build/release/apps/tilewise"
cp -R -- "$scripts_dir" "$work/here/scripts"
mkdir "$work/here/data"
cp -R -- "$repo_root/data/mnist" "$work/here/data/mnist"
export PATH=$work/bin:$PATH

# Blocks to $work/1, 2, ...: a file a command, which is its first line; what is shown follows.
awk -v folder="$work" '
  /^```/ { inside = $0 == "```console"; next }
  inside && /^\$ / { file = folder "/" ++commands }
  inside { print > file }' "$page"

# differ SHOWN PRINTED UPDATED: the first line of SHOWN that PRINTED does not have in its place, if there is one.
# UPDATED gets the lines of SHOWN as they were printed.
differ() {
  awk -v updated="$3" '
    # Without the machine and the build, numbers, times, rules, and the dots of empty cells.
    function words(line) {
      sub(/[0-9]+ threads? \([A-Za-z_ -]*\) \| [A-Za-z]* build/, "", line)
      gsub(/sse2|avx2|avx512|neon/, "", line)
      gsub(/[0-9][0-9.:,]*(e-?[0-9]+|[mu]?s(\/step)?)?/, "", line)
      gsub(/ \./, " ", line)
      gsub(/[ =_-]+/, " ", line)
      return line
    }
    FNR == NR { shown[++n] = $0; next }
    { raw[++m] = $0; printed[m] = words($0) }
    END {
      at = 1
      for (i = 1; i <= n; ++i) {
        if (shown[i] == "...") { print shown[i] > updated; skip = 1; continue }
        while (skip && at <= m && printed[at] != words(shown[i])) ++at
        if (at > m || printed[at] != words(shown[i])) { print shown[i]; exit }
        print raw[at++] > updated
        skip = 0
      }
      if (at <= m && !skip) print "nothing more, but there is: " printed[at]
    }' "$1" "$2"
}

cd -- "$work/here"
for ((number = 1; ; ++number)); do
  [[ -e $work/$number ]] || break
  block=$work/$number
  command=$(sed -n '1s/^\$ //p' "$block")
  say "$command"
  bash -c "$command" >"$block.printed" 2>&1 || { cat -- "$block.printed" >&2; die "failed: $command"; }
  tail -n +2 "$block" >"$block.shown"
  if $update && ! grep -qxF ... "$block.shown"; then
    { head -n 1 "$block"; cat -- "$block.printed"; } >"$block.new"
    mv -- "$block.new" "$block"
    continue
  fi
  difference=$(differ "$block.shown" "$block.printed" "$block.updated")
  [[ -z $difference ]] || { cat -- "$block.printed" >&2; die "'$command' does not print: $difference"; }
  if $update; then
    { head -n 1 "$block"; cat -- "$block.updated"; } >"$block.new"
    mv -- "$block.new" "$block"
  fi
done
((number > 1)) || die "$page has no commands"

# images/tutorial/curves/accuracy.png is the picture that is made as curves/accuracy.png.
grep -o 'images/tutorial/[a-z0-9_/-]*\.png' "$page" | sort -u >"$work/pictures"
while read -r picture; do
  made=${picture#images/tutorial/}
  [[ -s $made ]] || die "no picture $made"
  if $update; then
    mkdir -p -- "$(dirname -- "$pictures/$made")"
    cp -- "$made" "$pictures/$made"
  fi
  [[ -s $pictures/$made ]] || die "docs/images/tutorial/$made is missing (--update)"
done <"$work/pictures"

if $update; then
  awk -v folder="$work" '
    /^```/ { inside = $0 == "```console" }
    inside && /^\$ / { file = folder "/" ++commands; while ((getline line < file) > 0) print line; next }
    inside && !/^```/ { next }
    { print }' "$page" >"$work/page"
  cp -- "$work/page" "$page"
fi
say "docs/tutorial.md is true: $((number - 1)) commands"
