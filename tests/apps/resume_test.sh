#!/usr/bin/env bash
# Usage: resume_test.sh TILEWISE
#
# Trainings that are stopped or killed in the middle and resumed end in the bits of one that was not.

# shellcheck source=tests/apps/support.sh
source "$(dirname -- "${BASH_SOURCE[0]}")/support.sh"

# 200 training images, so that a run goes through many short epochs.
idx_images 200 data/train-images-idx3-ubyte
labels=()
for ((i = 0; i < 200; ++i)); do labels+=($((i % 10))); done
idx_labels data/train-labels-idx1-ubyte "${labels[@]}"

# interrupted SIGNAL FOLDER OPTIONS...: trains until some epochs are logged, then gets the signal; sets `got`.
interrupted() {
  local signal=$1 folder=$2
  shift 2
  "$tilewise" train "$@" --output "$folder" >out 2>err &
  local pid=$!
  for ((i = 0; i < 600; ++i)); do
    [[ -r $folder/training.csv && $(wc -l <"$folder/training.csv") -gt 3 ]] && break
    sleep 0.05
  done
  kill -s "$signal" "$pid" 2>/dev/null
  got=0
  wait "$pid" 2>/dev/null || got=$?
}

# The columns that are not times.
results() { cut -d, -f1-6 "$1/training.csv"; }

try() {
  local signal=$1 status=$2
  shift 2
  local options=(--data-dir data --model lenet5 --epochs 60 --batch-size 4 --verbose 2 "$@")
  rm -rf whole parts
  expect 0 "Wrote whole" "$tilewise" train "${options[@]}" --output whole
  interrupted "$signal" parts "${options[@]}"
  [[ $got == "$status" ]] || fail "$signal with $*: exited with $got, expected $status"
  [[ $signal == KILL ]] || grep -qF "tilewise train --resume parts" out || fail "$signal: does not say how to resume"
  [[ $(wc -l <parts/training.csv) -lt 61 ]] || fail "$signal with $*: came too late to be of use"
  expect 0 "Resuming epoch" "$tilewise" train --resume parts --threads 1 --verbose 2
  cmp whole/model.safetensors parts/model.safetensors || fail "$signal with $*: other weights"
  diff <(results whole) <(results parts) || fail "$signal with $*: another log"
}

try INT 130
try TERM 143 --optimizer rmsprop --momentum 0.5 --schedule cosine --warmup-epochs 2 --augment shift=2,rotate=10 --ema 0.9
try KILL 137 --checkpoint-steps 7 --optimizer sgd --momentum 0.9 --early-stopping 100 --lr 0.001

# --- What does not go on
expect 1 "batch" "$tilewise" train --resume whole --batch-size 8 --epochs 70
expect 1 "seed" "$tilewise" train --resume whole --seed 9 --epochs 70
expect 2 "--epochs" "$tilewise" train --resume whole --epochs 50
expect 1 "nowhere" "$tilewise" train --resume nowhere
head -c 1000 whole/checkpoint.safetensors >short && mv short whole/checkpoint.safetensors
expect 1 "checkpoint.safetensors" "$tilewise" train --resume whole --epochs 70

finish "resume"
