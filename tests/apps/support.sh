# What the tests of the command line have in common. Sourced with the program's path in $1: sets
# `tilewise`, enters a folder that goes at the end, and makes a tiny MNIST in data/.
# shellcheck shell=bash

set -uo pipefail
tilewise=$1
unset TILEWISE_NUM_THREADS OMP_NUM_THREADS TILEWISE_ISA
work=$(mktemp -d)
trap 'rm -rf -- "$work"' EXIT
cd -- "$work" || exit 1
failures=0

fail() {
  printf 'FAILED: %s\n' "$*"
  [[ -s err ]] && sed 's/^/    stderr: /' err
  failures=$((failures + 1))
}

# expect STATUS TEXT COMMAND...: COMMAND exits with STATUS and says TEXT; a failure is one line on
# standard error that starts with "tilewise: ".
expect() {
  local status=$1 text=$2 got=0
  shift 2
  "$@" >out 2>err || got=$?
  [[ $got == "$status" ]] || fail "$* exited with $got, expected $status"
  [[ -z $text ]] || grep -qF -- "$text" out err || fail "$* does not say '$text'"
  if ((status > 0 && status < 128)); then
    [[ $(wc -l <err) == 1 && $(<err) == "tilewise: "* ]] || fail "$*: not one line of error"
  fi
}

# options_of COMMAND: all that it has.
options_of() { "$tilewise" completion bash | sed -n "s/^ *$1:\\*) words=\"\(.*\)\".*/\\1/p"; }

# idx_images COUNT FILE, idx_labels FILE LABEL...: 28x28 images of noise, and labels.
idx_images() {
  {
    printf '\0\0\010\003\0\0'
    printf %b "\\x$(printf %02x $(($1 / 256)))\\x$(printf %02x $(($1 % 256)))"
    printf '\0\0\0\034\0\0\0\034'
    head -c $(($1 * 784)) /dev/urandom
  } >"$2"
}
idx_labels() {
  local file=$1
  shift
  {
    printf '\0\0\010\001\0\0'
    printf %b "\\x$(printf %02x $(($# / 256)))\\x$(printf %02x $(($# % 256)))"
    for label in "$@"; do printf %b "\\x$(printf %02x "$label")"; done
  } >"$file"
}
# png WIDTH HEIGHT: the grey pixels of standard input as a PNG; its parts are made by be32 and png_chunk.
be32() { for shift in 24 16 8 0; do printf %b "\\x$(printf %02x $(($1 >> shift & 255)))"; done; }
png_chunk() { # png_chunk NAME: of standard input. gzip ends with the CRC and the size of what it packs.
  {
    printf %s "$1"
    cat
  } >png_chunk
  be32 $(($(wc -c <png_chunk) - 4))
  cat png_chunk
  be32 $((16#$(gzip -nc png_chunk | tail -c 8 | od -An -tx1 -N4 | awk '{ print $4 $3 $2 $1 }')))
}
png() {
  cat >png_pixels
  printf '\x89PNG\r\n\x1a\n'
  {
    be32 "$1"
    be32 "$2"
    printf '\x08\0\0\0\0'
  } | png_chunk IHDR
  for ((row = 0; row < $2; ++row)); do
    printf '\0'
    tail -c +$((row * $1 + 1)) png_pixels | head -c "$1"
  done >png_rows
  {
    printf '\x78\x01'
    gzip -nc png_rows | tail -c +11 | head -c -8
    be32 $((16#$(od -An -v -tu1 -w1 png_rows |
      awk 'BEGIN { a = 1 } { a = (a + $1) % 65521; b = (b + a) % 65521 } END { printf "%04x%04x", b, a }')))
  } | png_chunk IDAT
  png_chunk IEND </dev/null
}

mkdir data
labels=(0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9)
for part in train t10k; do
  idx_images 20 "data/$part-images-idx3-ubyte"
  idx_labels "data/$part-labels-idx1-ubyte" "${labels[@]}"
done

# finish WHAT: says how it went.
finish() {
  ((failures == 0)) && echo "all $1 checks passed"
  exit $((failures > 0))
}
