#!/usr/bin/env bash
# Usage: run_consumer.sh SOURCE_DIR BUILD_DIR WORK_DIR CXX GENERATOR
#
# Installs the build, builds the example program against the installed files, by find_package and by
# pkg-config, and runs both on two images; likewise the programs of examples/, by find_package. Also checks that
# README.md shows this very program.

set -euo pipefail
source_dir=$1 build_dir=$2 work_dir=$3 cxx=$4 generator=$5
here=$source_dir/tests/install

example=$(sed -n '/\[example\]/,/\[example\]/{/\[example\]/!p}' "$here/consumer.cpp")
if [[ $(<"$source_dir/README.md") != *"$example"* ]]; then
  echo "README.md does not show the program of tests/install/consumer.cpp" >&2
  exit 1
fi

rm -rf -- "$work_dir"
mkdir -p -- "$work_dir/data"
cmake --install "$build_dir" --prefix "$work_dir/prefix" >"$work_dir/install.log"

# Two 28x28 images, one black and one white, labels 3 and 7: an IDX header is a magic number and the
# sizes, big-endian.
for part in train t10k; do
  {
    printf '\0\0\010\003\0\0\0\002\0\0\0\034\0\0\0\034'
    head -c 784 /dev/zero
    head -c 784 /dev/zero | tr '\0' '\377'
  } >"$work_dir/data/$part-images-idx3-ubyte"
  printf '\0\0\010\001\0\0\0\002\003\007' >"$work_dir/data/$part-labels-idx1-ubyte"
done

cmake -S "$here" -B "$work_dir/cmake" -G "$generator" -DCMAKE_PREFIX_PATH="$work_dir/prefix" \
  -DCMAKE_CXX_COMPILER="$cxx" -DCMAKE_BUILD_TYPE=Debug
cmake --build "$work_dir/cmake"
"$work_dir/cmake/consumer" "$work_dir/data"

pkgconfig_dir=$(dirname -- "$(find "$work_dir/prefix" -name tilewise.pc)")
# pkg-config escapes spaces for a shell.
flags=()
eval "flags=($(PKG_CONFIG_PATH=$pkgconfig_dir pkg-config --cflags --libs tilewise))"
"$cxx" -std=c++20 "$here/consumer.cpp" -o "$work_dir/pkgconfig-consumer" "${flags[@]}"
"$work_dir/pkgconfig-consumer" "$work_dir/data"

cmake -S "$source_dir/examples" -B "$work_dir/examples" -G "$generator" -DCMAKE_PREFIX_PATH="$work_dir/prefix" \
  -DCMAKE_CXX_COMPILER="$cxx" -DCMAKE_BUILD_TYPE=Debug
cmake --build "$work_dir/examples"
cd -- "$work_dir/examples"
./train
# says PATTERN PROGRAM...: what the program prints matches.
says() {
  "${@:2}" | tee output
  grep -qE -- "$1" output || { echo "${*:2} does not print $1" >&2; exit 1; }
}
says "^1. class 3 " ./predict run/model.safetensors
says "slope .* measured " ./own_layer
