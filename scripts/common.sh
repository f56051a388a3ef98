# shellcheck shell=bash
# Shared by the scripts in this folder; sourced, never run.

unset CDPATH  # with it, cd prints where it went
scripts_dir=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd)
repo_root=$(dirname -- "$scripts_dir")
script_name=$(basename -- "$0")

# Standard output is for results; what a script has to say goes to standard error.
say() { printf '%s: %s\n' "$script_name" "$*" >&2; }
die() { say "$*"; exit 1; }
usage_error() { say "$* (see $script_name --help)"; exit 2; }

# The comment block at the top of a script is its help text, so the two cannot disagree.
print_help() { awk 'NR > 1 { if (!/^#/) exit; sub(/^# ?/, ""); print }' "$0"; }

have() { command -v "$1" >/dev/null 2>&1; }

# A path below the current folder is shown the short way, as its user would type it.
short_path() { printf '%s' "${1#"$PWD"/}"; }

# --- Debian packages ----------------------------------------------------------------------------

is_debian() { have apt-get && have dpkg-query; }

# 'sudo -n' never asks for a password: a script must not stop and wait for one.
can_be_root() { [[ $(id -u) -eq 0 ]] || { have sudo && sudo -n true 2>/dev/null; }; }
as_root() { if [[ $(id -u) -eq 0 ]]; then "$@"; else sudo -n -- "$@"; fi; }

# Prints nothing but errors, and would rather fail than remove a package that is there. One package
# source that cannot be reached does not matter if the others have what is wanted.
apt_install() {
  as_root apt-get -qq update || true
  as_root env DEBIAN_FRONTEND=noninteractive apt-get -qq -o DPkg::Lock::Timeout=120 \
    install --yes --no-install-recommends --no-remove "$@" >/dev/null
}

# --- The steps that several scripts take --------------------------------------------------------

# A failure is reported, not fatal: someone without root may have what is needed from elsewhere,
# and CMake names whatever it does not find.
install_packages() {
  "$scripts_dir/install_packages.sh" || say "going on without; CMake will tell what it lacks"
}

# Leaves a preset's build, or just the targets that are named, in build/<preset>. It is configured again
# only when the presets changed: the build itself sees to changed CMake files.
build_preset() (
  preset=$1
  shift
  cd -- "$repo_root" || exit
  if [[ ! -f build/$preset/build.ninja || CMakePresets.json -nt build/$preset/build.ninja ]]; then
    cmake --preset "$preset" || exit
  fi
  # nproc obeys OMP_NUM_THREADS, which is meant for the training and not for the compiler.
  cmake --build --preset "$preset" --parallel "$(env -u OMP_NUM_THREADS -u OMP_THREAD_LIMIT nproc)" \
    ${1+--target "$@"}
)
build_release() { build_preset release "$@"; }

# mnist_subset FOLDER COUNT TARGET: the first images of the MNIST in FOLDER, for runs of seconds.
mnist_subset() {
  local part count bytes
  printf -v count '\\0\\0\\x%02x\\x%02x' $(($2 / 256)) $(($2 % 256))
  mkdir -- "$3"
  for part in train-images-idx3 train-labels-idx1 t10k-images-idx3 t10k-labels-idx1; do
    bytes=$2
    [[ $part == *labels* ]] || bytes=$((8 + 784 * $2))  # height and width come before the pixels
    {
      head -c 4 "$1/$part-ubyte"
      printf %b "$count"
      head -c $((8 + bytes)) "$1/$part-ubyte" | tail -c +9
    } >"$3/$part-ubyte"
  done
}
