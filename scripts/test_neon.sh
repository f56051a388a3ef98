#!/usr/bin/env bash
# Usage: test_neon.sh [ctest arguments]...
#
# Builds the library for 64-bit ARM on another machine, with Debian's cross compiler, and runs its
# tests under qemu-user: every kernel in its NEON form. Installs missing packages, some of them of the
# foreign architecture arm64. Takes about a quarter of an hour; the epoch of MNIST is left out. On an
# ARM machine run_tests.sh does all of this natively.
#
#   --help   print this

set -euo pipefail
# shellcheck source=scripts/common.sh
source "$(dirname -- "${BASH_SOURCE[0]}")/common.sh"

case ${1-} in --help | -h) print_help; exit 0 ;; esac

packages=(g++-aarch64-linux-gnu qemu-user libxsimd-dev:arm64 libtbb-dev:arm64 zlib1g-dev:arm64
  libpng-dev:arm64 libgtest-dev:arm64 libgmock-dev:arm64)

"$scripts_dir/install_packages.sh" build test
if is_debian; then
  missing=()
  for package in "${packages[@]}"; do
    status=$(dpkg-query --show --showformat='${db:Status-Abbrev}' "$package" 2>/dev/null) || true
    [[ $status == ?i* ]] || missing+=("$package")
  done
  if [[ ${#missing[@]} -gt 0 ]]; then
    can_be_root || die "not root; missing, please have them installed: ${missing[*]}"
    say "installing ${missing[*]}"
    as_root dpkg --add-architecture arm64
    apt_install "${missing[@]}" || die "apt-get could not install ${missing[*]}"
  fi
else
  say "not a Debian system; what it has to have (Debian's names): ${packages[*]}"
fi

cd -- "$repo_root"
cmake --preset aarch64
cmake --build --preset aarch64
exec ctest --preset aarch64 --exclude-regex MnistTest "$@"
