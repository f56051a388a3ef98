#!/usr/bin/env bash
# Usage: command_line_test.sh TILEWISE MNIST_DIR
#
# The command line as a user meets it: exit codes, one-line errors, files left behind, signals.
# The data sets are tiny ones made here; MNIST_DIR is used for what needs the real one, if it is there.

mnist=$2
# shellcheck source=tests/apps/support.sh
source "$(dirname -- "${BASH_SOURCE[0]}")/support.sh"

# Help and versions.
expect 0 "tilewise train" "$tilewise" --help
expect 0 "--validation-split" "$tilewise" train --help
expect 0 "Example" "$tilewise" evaluate --help
expect 0 "tilewise 0." "$tilewise" --version
expect 0 "Example" "$tilewise" profile --help
expect 0 "instruction set" "$tilewise" info
expect 0 "GFLOP/s on 1 thread" "$tilewise" info --peak --threads 2

# Wrong usage.
expect 2 "subcommand" "$tilewise"
expect 2 "frobnicate" "$tilewise" frobnicate
expect 2 "--bogus" "$tilewise" train --bogus
expect 2 "--epochs" "$tilewise" train --epochs many
expect 2 "--epochs" "$tilewise" train --epochs 0
expect 2 "--batch-size" "$tilewise" train --batch-size 0
expect 2 "--threads" "$tilewise" train --threads 0
expect 2 "--lr" "$tilewise" train --lr -1
expect 2 "--lr" "$tilewise" train --data-dir data --lr nan
expect 2 "--optimizer" "$tilewise" train --optimizer sgdd
expect 2 "--momentum" "$tilewise" train --data-dir data --momentum 0.9
expect 2 "momentum" "$tilewise" train --data-dir data --optimizer sgd --momentum 1.5
expect 2 "1.5" "$tilewise" train --data-dir data --validation-split 1.5
expect 2 "WEIGHTS is required" "$tilewise" evaluate
expect 2 "--steps" "$tilewise" profile --steps 0
expect 2 "TILEWISE_ISA" env TILEWISE_ISA=mmx "$tilewise" info
expect 2 "TILEWISE_NUM_THREADS" env TILEWISE_NUM_THREADS=many "$tilewise" info

# Threads: argument, then environment.
expect 0 "3 threads (TILEWISE_NUM_THREADS)" env TILEWISE_NUM_THREADS=3 OMP_NUM_THREADS=2 "$tilewise" info
expect 0 "2 threads (OMP_NUM_THREADS)" env OMP_NUM_THREADS=2 "$tilewise" info
expect 0 "5 threads (--threads)" env TILEWISE_NUM_THREADS=3 "$tilewise" info --threads 5

# Missing and damaged data.
expect 1 "fetch_data.sh" "$tilewise" train --data-dir nowhere
expect 1 "fetch_data.sh fashion-mnist gets Fashion-MNIST" "$tilewise" train --data-dir none/fashion-mnist/
expect 1 "nowhere/model" "$tilewise" evaluate --data-dir data nowhere/model
cp -r data short
head -c 5000 data/train-images-idx3-ubyte >short/train-images-idx3-ubyte
expect 1 "short/train-images-idx3-ubyte" "$tilewise" train --data-dir short
cp -r data odd
idx_labels odd/train-labels-idx1-ubyte 1 2 3
expect 1 "odd/train-labels-idx1-ubyte" "$tilewise" train --data-dir odd
# More classes than ten are fine, but not in the test images alone.
cp -r data eleven
idx_labels eleven/t10k-labels-idx1-ubyte "${labels[@]:0:19}" 10
expect 2 "in 11 classes" "$tilewise" train --data-dir eleven
idx_labels eleven/train-labels-idx1-ubyte "${labels[@]:0:19}" 10
expect 0 "(None, 11)" "$tilewise" train --data-dir eleven --dry-run
[[ ! -e runs ]] || fail "a run that could not start left a folder"

# A run and what it leaves; a line an epoch when the output is no terminal.
expect 0 "Epoch 2/2 - " "$tilewise" train --data-dir data --epochs 2 --output run --validation-split 0.2
for file in training.csv model.safetensors run.json; do [[ -s run/$file ]] || fail "no run/$file"; done
cp -R run done
expect 0 "epochs are done" "$tilewise" train --resume done
cmp -s run/run.json done/run.json || fail "resuming a run that is done changes its report"
rm done/run.json
expect 0 "" "$tilewise" train --resume done
[[ -s done/run.json ]] || fail "resuming a run that is done does not write the report that it lacks"
header=epoch,accuracy,loss,val_accuracy,val_loss,learning_rate,seconds,images_per_second
[[ $(head -n 1 run/training.csv) == "$header" ]] || fail "wrong header in training.csv"
[[ $(wc -l <run/training.csv) == 3 ]] || fail "training.csv has not one line an epoch"
expect 0 "Test accuracy: " "$tilewise" evaluate --data-dir data run/model.safetensors
expect 1 "already holds a run" "$tilewise" train --data-dir data --output run
[[ $(wc -l <run/training.csv) == 3 ]] || fail "a refused run changed training.csv"
expect 0 "" "$tilewise" train --data-dir data --epochs 1 --output quiet --verbose 0 \
  --validation-split 0
[[ ! -s out ]] || fail "--verbose 0 is not silent"
expect 0 ",NA,NA," cat quiet/training.csv
expect 0 "images/s" "$tilewise" train --data-dir data --dry-run
[[ ! -e runs ]] || fail "--dry-run wrote something"
expect 1 "run: already holds a run" "$tilewise" train --data-dir data --output run --dry-run
expect 0 "" "$tilewise" train --data-dir data --epochs 1 --verbose 0
[[ -s $(echo runs/keras-*/run.json) ]] || fail "no default run folder"

# The same bits on one thread and on five, with either optimizer.
for optimizer in adam sgd; do
  for threads in 1 5; do
    expect 0 "" "$tilewise" train --data-dir data --epochs 3 --verbose 0 --optimizer "$optimizer" \
      --batch-size 8 --threads "$threads" --output "bits-$optimizer-$threads"
  done
  cmp "bits-$optimizer-1/model.safetensors" "bits-$optimizer-5/model.safetensors" >/dev/null ||
    fail "$optimizer: 1 and 5 threads do not give the same bits"
done

# Weights of another kind.
echo "not weights" >junk
expect 1 "junk" "$tilewise" evaluate --data-dir data junk

# Divergence: status 3, with step, pass and layer; the log of what went before stays, and the last good checkpoint.
ruined="training diverged at epoch 2, step 1: output of conv2d_1 + max_pooling2d_1 in the forward pass is not finite"
expect 3 "$ruined" "$tilewise" train --data-dir data --optimizer sgd --lr 1e30 --validation-split 0 --output diverged
[[ $(wc -l <diverged/training.csv) == 2 ]] || fail "a diverged run lost its log"
[[ ! -e diverged/model.safetensors ]] || fail "a diverged run wrote its weights"
expect 3 "$ruined" "$tilewise" train --resume diverged
# One step, whose own loss was fine.
expect 3 "diverged" "$tilewise" train --data-dir data --lr 1e38 --epochs 1 --output once
expect 3 "at epoch 1, step 1: value of conv2d/kernel in the update" "$tilewise" train --data-dir data \
  --optimizer sgd --lr 1e42 --output at-once
[[ ! -e at-once/checkpoint.safetensors ]] || fail "a ruined training was saved"

# A full disk.
if [[ -w /dev/full ]]; then
  got=0
  "$tilewise" info >/dev/full 2>err || got=$?
  [[ $got == 1 ]] || fail "info on a full disk exited with $got"
  grep -q "No space left" err || fail "info on a full disk does not say why it failed"
  # An error that cannot be told is still an error, and no crash.
  got=0
  "$tilewise" frobnicate 2>/dev/full || got=$?
  [[ $got == 2 ]] || fail "an error that cannot be written exited with $got"
fi
if ((EUID != 0)); then
  mkdir locked && chmod a-w locked
  expect 1 "locked" "$tilewise" train --data-dir data --output locked/run
fi
echo file >plain
expect 1 "plain" "$tilewise" train --data-dir data --output plain/run

# Profiles: a table, a row of CSV for each of its lines, and a trace of as many chunks as there were.
expect 0 "images/s" "$tilewise" profile --data-dir data --batch-size 16 --threads 3 --steps 5 \
  --trace trace.json --csv profile.csv
for text in "layer +pass +ms +share +GFLOP/s +of peak +GB/s +kernel" "5 steps, 56 images, 3 threads" \
  "conv2d.* forward " "dense .* backward .*[0-9]%.* gemm [0-9]" "conv2d_1 .* update " "idle, other " \
  "a step .* 100.0%"; do
  grep -qE -- "$text" out || fail "the profile does not say '$text'"
done
awk 'length > 100 { exit 1 }' out || fail "the profile has lines of more than 100 columns"
[[ $(head -n 1 profile.csv) == "layer,pass,kernel,calls,milliseconds,share,GFLOP/s,of_peak,GB/s" ]] ||
  fail "wrong header in profile.csv"
[[ $(wc -l <profile.csv) == $(($(grep -cE "^(conv2d|max_pool|drop|dense|data|filters|loss|idle)" out) + 1)) ]] ||
  fail "profile.csv has other lines than the table"
grep -q "^dropout,forward,dropout," profile.csv || fail "no dropout in profile.csv"
# 20 images in batches of 16: after a warm-up of 20 batches three of 16 chunks and two of four.
[[ $(grep -c '"ph":"X","name":"dropout forward"' trace.json) == 56 ]] || fail "wrong number of events"
if command -v jq >/dev/null; then
  jq -e '[.traceEvents[] | select(.ph == "X" and .name == "dropout forward")] |
    length == 56 and all(.dur >= 0 and .tid < 3 and .args.chunk < 16 and .args.images == 1)' \
    trace.json >/dev/null || fail "trace.json is no trace"
fi
grep -q "^conv2d + max_pooling2d " out || fail "convolution and pooling are not one step"
expect 0 "images/s" "$tilewise" profile --data-dir data --steps 2 --without fuse_pooling,depth_first
grep -qE "^max_pooling2d +backward" out || fail "--without fuse_pooling left no pooling of its own"
if "$tilewise" info | grep -q avx512; then
  expect 2 "TILEWISE_AVX512_HALVES='2': expected 0 or 1" env TILEWISE_AVX512_HALVES=2 "$tilewise" profile --data-dir data
fi
expect 2 "tidiness not in" "$tilewise" profile --data-dir data --without tidiness
expect 1 "nowhere/trace.json" "$tilewise" profile --data-dir data --trace nowhere/trace.json
expect 1 "nowhere/profile.csv" "$tilewise" profile --data-dir data --csv nowhere/profile.csv
expect 0 "a step " "$tilewise" train --data-dir data --epochs 2 --profile --trace trace.json \
  --batch-size 8 --output profiled
[[ $(grep -c '"name":"data shuffle"' trace.json) == 2 ]] || fail "not one shuffling an epoch in the trace"
expect 0 "" "$tilewise" train --data-dir data --epochs 2 --batch-size 8 --output unprofiled
cmp profiled/model.safetensors unprofiled/model.safetensors >/dev/null ||
  fail "a profile changed the bits of training"
# A trace that cannot be written is found out before training, and if only after, training is not lost.
expect 1 "nowhere/trace.json" "$tilewise" train --data-dir data --trace nowhere/trace.json --output early
[[ ! -e early ]] || fail "trained although the trace cannot be written"
mkdir gone
"$tilewise" train --data-dir data --epochs 1000000 --trace gone/trace.json --output late >out 2>err &
pid=$!
for _ in $(seq 200); do
  [[ $(wc -l 2>/dev/null <late/training.csv) -ge 2 ]] && break
  sleep 0.1
done
rmdir gone
kill -INT $pid
wait $pid
got=$?
[[ $got == 1 && $(<err) == "tilewise: gone/trace.json: "* ]] ||
  fail "a trace that could not be written in the end: exit status $got"
expect 0 "Test accuracy" "$tilewise" evaluate --data-dir data late/model.safetensors

# Signals: the step under way is finished, weights are written, and the status tells.
for signal in INT TERM; do
  "$tilewise" train --data-dir data --epochs 1000000 --output "stopped-$signal" >out 2>err &
  pid=$!
  for _ in $(seq 200); do
    [[ $(wc -l 2>/dev/null <"stopped-$signal/training.csv") -ge 3 ]] && break
    sleep 0.1
  done
  kill -"$signal" $pid
  wait $pid
  got=$?
  [[ $got == $((128 + $(kill -l "$signal"))) ]] || fail "SIG$signal: exit status $got"
  grep -q "Stopped" out || fail "SIG$signal: does not say that it stopped"
  expect 0 "Test accuracy" "$tilewise" evaluate --data-dir data "stopped-$signal/model.safetensors"
done

# On the real images: one step.
if [[ -d $mnist ]]; then
  expect 0 "34,826" "$tilewise" train --data-dir "$mnist" --dry-run
fi

finish "command line"
