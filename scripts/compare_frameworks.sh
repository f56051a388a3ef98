#!/usr/bin/env bash
# Usage: compare_frameworks.sh [options]
#
# Trains the same networks in Tilewise, Keras on TensorFlow, JAX, PyTorch and dlib: the same batches,
# images, threads and precision (float32). Every run is a process of its own, the frameworks take
# turns, and medians over the rounds are printed as tables. Writes runs.csv, summary.csv (median,
# smallest, largest, and ratio to Tilewise of each figure), results.json, and charts as PNG and SVG.
# The first time, installs the frameworks (7 GB, most of it PyTorch's libraries for GPUs, which it does
# not start without) in build/peers-venv. What cannot be installed is left out. Takes half an hour on
# two cores.
#
#   --rounds N         default: 3
#   --threads N        default: as many as there are processors
#   --networks LIST    mnist_convnet, lenet5, vgg_style, or one case such as mnist_convnet/32;
#                      default: all
#   --frameworks LIST  default: tilewise,keras,jax,pytorch,dlib; besides, single ways of
#                      theirs: keras-xla, keras-graph, pytorch-channels-last, pytorch-compile
#   --epochs N         that are timed; default: 1
#   --images N         of an epoch, cut to whole batches; default: 12800 of MNIST for the convnet, 25600
#                      for LeNet-5, 1280 random ones for the VGG-style net
#   --output DIR       where the results go; default: runs/frameworks-<date>-<time> in the repository
#   --plot DIR         only draw the charts of results.json in DIR again
#   --help             print this
#
# Exits with 1 if a framework failed in a run (it is left out of that table), with 2 if used wrongly.

set -euo pipefail
# shellcheck source=scripts/common.sh
source "$(dirname -- "${BASH_SOURCE[0]}")/common.sh"

peers_dir=$repo_root/bench/peers
venv=$repo_root/build/peers-venv
frameworks=(tilewise keras jax pytorch dlib)
known=("${frameworks[@]}" keras-xla keras-graph pytorch-channels-last pytorch-compile)
output=
plot_only=false
arguments=()
while [[ $# -gt 0 ]]; do
  case $1 in
    --help | -h) print_help; exit 0 ;;
    --rounds | --threads | --epochs | --images)
      [[ ${2-} =~ ^[1-9][0-9]*$ ]] || usage_error "$1 needs a positive number"
      arguments+=("$1" "$2")
      shift
      ;;
    --networks) [[ -n ${2-} ]] || usage_error "$1 needs a list"; arguments+=("$1" "$2"); shift ;;
    --frameworks) [[ -n ${2-} ]] || usage_error "$1 needs a list"; IFS=, read -r -a frameworks <<<"$2"; shift ;;
    --output) [[ -n ${2-} ]] || usage_error "$1 needs a folder"; output=$2; shift ;;
    --plot) [[ -n ${2-} ]] || usage_error "$1 needs a folder"; output=$2; plot_only=true; shift ;;
    *) usage_error "unknown argument '$1'" ;;
  esac
  shift
done
for name in "${frameworks[@]}"; do
  [[ " ${known[*]} " == *" $name "* ]] || usage_error "unknown framework '$name'; known are ${known[*]}"
done
if [[ -z $output ]]; then output=$(short_path "$repo_root/runs/frameworks-$(date +%Y%m%d-%H%M%S)"); fi
compare=(python3 "$peers_dir/compare.py" --output "$output" --chart "$scripts_dir/plot_frameworks.gp")

install_packages
"$scripts_dir/install_packages.sh" peers || say "going on without what is missing"
have python3 || die "python3 is missing"
if $plot_only; then
  [[ -r $output/results.json ]] || die "$output/results.json: no such file"
  exec "${compare[@]}" --plot
fi

# pip_install PACKAGE...: installs what is missing of them, in the versions that requirements.txt names.
pip_install() {
  [[ -x $venv/bin/pip ]] || python3 -m venv "$venv" || return
  "$venv/bin/pip" install --quiet --disable-pip-version-check --constraint "$peers_dir/requirements.txt" "$@"
}

# Leaves the command of a framework in 'command', having installed what it needs.
prepare() {
  local name=${1%%-*} variant=
  [[ $1 != *-* ]] || variant=${1#*-}
  command=("$venv/bin/python" "$peers_dir/${name}_peer.py" ${variant:+--variant "$variant"})
  case $name in
    keras) pip_install keras tensorflow-cpu numpy ;;
    jax) pip_install jax jaxlib optax numpy ;;
    pytorch) pip_install torch numpy ;;
    dlib)
      command=("$repo_root/build/release/bench/dlib_peer")
      # CMake may have looked for it before it was there.
      (cd -- "$repo_root" && cmake --preset release >/dev/null) && build_release dlib_peer
      ;;
    tilewise) command=("$repo_root/build/release/bench/tilewise_peer"); build_release tilewise_peer ;;
  esac >&2
}

build_release tilewise_cli >&2
"$scripts_dir/fetch_data.sh" mnist
for name in "${frameworks[@]}"; do
  if prepare "$name"; then
    compare+=(--peer "$name=$(printf '%q ' "${command[@]}")")
  else
    say "$name could not be installed; going on without"
  fi
done

status=0
"${compare[@]}" --data "$repo_root/data/mnist" --peak "$repo_root/build/release/apps/tilewise info --peak" \
  ${arguments[@]+"${arguments[@]}"} || status=$?
[[ ! -f $output/results.json ]] || say "$output has runs.csv, summary.csv, results.json and charts (.png and .svg)"
exit "$status"
