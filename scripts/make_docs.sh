#!/usr/bin/env bash
# Usage: make_docs.sh [FOLDER]
#
# Makes the reference of the public headers as HTML, from the comments in them and docs/Doxyfile: FOLDER/html,
# build/docs/html unless said otherwise. Installs Doxygen if it is missing. Any warning of Doxygen's is a failure.
#
#   --help   print this

set -euo pipefail
# shellcheck source=scripts/common.sh
source "$(dirname -- "${BASH_SOURCE[0]}")/common.sh"

case ${1-} in
  --help | -h) print_help; exit 0 ;;
  -*) usage_error "unknown argument '$1'" ;;
esac
folder=$(realpath -m -- "${1-$repo_root/build/docs}")

have doxygen || "$scripts_dir/install_packages.sh" docs || true
have doxygen || die "needs doxygen"
mkdir -p -- "$folder"
cd -- "$repo_root"
doxygen - < <(cat docs/Doxyfile; printf 'OUTPUT_DIRECTORY = "%s"\n' "$folder")
say "made $(short_path "$folder/html/index.html")"
