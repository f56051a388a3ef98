#!/usr/bin/env bash
# Usage: train_options_test.sh TILEWISE
#
# Every option of `tilewise train`: that it has the effect that --help promises, and that the defaults there are the
# real ones. Fails if there is an option that is not tried here.

# shellcheck source=tests/apps/support.sh
source "$(dirname -- "${BASH_SOURCE[0]}")/support.sh"

# Images that are the same in every run: the digits of numbers from $2 on, spread over 0 to 252.
pixels() { seq "$2" 99999 | tr -d '\n' | tr 0-9 '\000\034\070\124\160\214\250\304\340\374' | head -c $(($1 * 784)); }
for part in train:1 t10k:50000; do
  file=data/${part%:*}-images-idx3-ubyte
  {
    head -c 16 "$file"
    pixels 20 "${part#*:}"
  } >images
  mv images "$file"
done

# What a run has that says nothing else: two epochs, each of three steps.
cat >base.toml <<'TOML'
data-dir = "data"
model = "lenet5"
epochs = 2
batch-size = 5
validation-split = 0.25
verbose = 0
threads = 1
TOML

declare -A tried plain
runs=0
# train OPTION...: trains into the folder $run.
train() {
  run=run-$((++runs))
  expect 0 "" "$tilewise" train --config base.toml --output $run "$@"
}
# plain_run OPTION...: sets `before` to the folder of such a run, of which there is one.
plain_run() {
  if [[ -z ${plain[with $*]-} ]]; then
    train "$@"
    plain[with $*]=$run
  fi
  before=${plain[with $*]}
}
# try "BESIDE" OPTION...: trains with the options BESIDE into $before, and with OPTION... as well into $run.
try() {
  # shellcheck disable=SC2086
  plain_run $1
  # shellcheck disable=SC2086
  train $1 "${@:2}"
}
mark_tried() { for word; do [[ $word != --* ]] || tried[$word]=1; done; }
same_weights() { cmp -s "$1/model.safetensors" "$2/model.safetensors"; }
changes() {
  try "$@"
  mark_tried "${@:2}"
  same_weights "$before" $run && fail "${*:2} beside '$1' does not change the weights"
}
is_default() {
  try "$@"
  same_weights "$before" $run || fail "${*:2} beside '$1' changes the weights"
}
leaves() {
  is_default "$@"
  mark_tried "${@:2}"
}
# column NAME FILE: its values, with commas.
column() {
  awk -F, -v name="$1" 'NR == 1 { for (i = 1; i <= NF; ++i) if ($i == name) column = i }
    NR > 1 { printf "%s%s", comma, $column; comma = "," }' "$2"
}
# logged NAME VALUES [FILE]: the column of the last run.
logged() {
  local file=$run/${3-training.csv}
  [[ $(column "$1" "$file") == "$2" ]] || fail "$1 in $file is $(column "$1" "$file"), expected $2"
}
epochs() { [[ $(wc -l <$run/training.csv) == $(($1 + 1)) ]] || fail "$run: not $1 epochs"; }

# --- Each changes the weights.
cp -r data other
pixels 20 3 >images
{
  head -c 16 data/train-images-idx3-ubyte
  cat images
} >other/train-images-idx3-ubyte
while IFS='|' read -r beside options; do
  # shellcheck disable=SC2086
  changes "$beside" $options
done <<'TABLE'
|--preset fast
|--model mlp
|--data-dir other
|--validation-split 0.5
|--augment shift=2
|--augment rotate=20
|--augment scale=0.2
|--augment shear=10
|--augment flip
|--augment elastic=8
--augment elastic=8|--augment elastic=8,sigma=2
|--preset fast
|--epochs 3
|--batch-size 4
|--seed 2
|--loss mse
|--label-smoothing 0.1
|--l2 0.01
|--optimizer adamw
|--optimizer sgd
|--optimizer rmsprop
|--lr 0.002
--optimizer sgd|--lr 0.02
--optimizer sgd|--momentum 0.5
--optimizer rmsprop|--momentum 0.5
--optimizer sgd --momentum 0.5|--nesterov
|--beta-1 0.8
--optimizer adamw|--beta-1 0.8
|--beta-2 0.99
--optimizer rmsprop|--rho 0.8
--optimizer rmsprop|--centered
|--epsilon 0.001
--optimizer adamw|--epsilon 0.001
--optimizer rmsprop|--epsilon 0.001
|--weight-decay 0.1
--optimizer adamw|--weight-decay 0
--optimizer sgd|--weight-decay 0.1
--optimizer rmsprop|--weight-decay 0.1
--optimizer sgd|--clip-value 0.001
--optimizer sgd|--clip-norm 0.1
--optimizer sgd|--clip-global-norm 0.1
|--ema 0.5
TABLE

# --- The defaults are those that --help tells.
while IFS='|' read -r beside options; do
  # shellcheck disable=SC2086
  is_default "$beside" $options
done <<'TABLE'
|--optimizer adam --lr 0.001 --beta-1 0.9 --beta-2 0.999 --epsilon 1e-7 --weight-decay 0
--optimizer adamw|--lr 0.001 --beta-1 0.9 --beta-2 0.999 --epsilon 1e-7 --weight-decay 0.004
--optimizer sgd|--lr 0.01 --momentum 0 --weight-decay 0
--optimizer rmsprop|--lr 0.001 --rho 0.9 --momentum 0 --epsilon 1e-7 --weight-decay 0
|--loss cross-entropy --label-smoothing 0 --l2 0 --seed 1 --schedule constant
--augment elastic=8|--augment elastic=8,sigma=4
--schedule step --epochs 11|--gamma 0.1 --step-epochs 10
--schedule exponential|--gamma 0.9 --step-epochs 1
--schedule cosine|--warmup-epochs 0 --min-lr 0
--schedule one-cycle|--warmup-epochs 0.6 --min-lr 4e-9
--early-stopping 1|--monitor val_loss --min-delta 0
--reduce-on-plateau 0.5 --epochs 12|--monitor val_loss --min-delta 0.0001 --plateau-patience 10
TABLE
sed -e '/model/d' -e '/epochs/d' -e '/batch-size/d' -e '/validation-split/d' base.toml >defaults.toml
"$tilewise" train --config defaults.toml --output defaults
"$tilewise" train --config defaults.toml --output explicit --model keras --epochs 15 --batch-size 128 \
  --validation-split 0.1
same_weights defaults explicit || fail "--model, --epochs, --batch-size or --validation-split have other defaults"

# --- Schedules: the rate of each of the six steps.
while IFS='|' read -r beside options rates; do
  # shellcheck disable=SC2086
  changes "$beside --log-steps 1" $options
  logged learning_rate "$rates" steps.csv
done <<'TABLE'
|--schedule step --step-epochs 1 --gamma 0.5|0.001,0.001,0.001,5e-04,5e-04,5e-04
--schedule step --step-epochs 1|--gamma 0.25|0.001,0.001,0.001,0.00025,0.00025,0.00025
--schedule step --gamma 0.5|--step-epochs 0.67|0.001,0.001,5e-04,5e-04,0.00025,0.00025
|--schedule exponential --gamma 0.125|0.001,5e-04,0.00025,0.000125,6.25e-05,3.125e-05
--schedule exponential --gamma 0.5|--step-epochs 0.33|0.001,5e-04,0.00025,0.000125,6.25e-05,3.125e-05
|--schedule cosine|0.001,0.0009330127,0.00075,5e-04,0.00025,6.69873e-05
--schedule cosine|--min-lr 0.0005|0.001,0.00096650637,0.000875,0.00075,0.000625,0.00053349364
--schedule cosine|--warmup-epochs 1|0,0.00033333333,0.00066666666,0.001,0.00075,0.00025
|--schedule one-cycle|4e-05,0.0009944155,0.00081174565,0.0004626371,0.00013347753,4e-09
--schedule one-cycle|--min-lr 0.0001 --warmup-epochs 1|4e-05,0.00052,0.001,0.000775,0.000325,1e-04
TABLE

# --- Stopping. The loss falls from epoch to epoch, val_accuracy stays.
ends_after() { # ends_after EPOCHS "BESIDE" OPTION...
  try "${@:2}"
  mark_tried "${@:3}"
  epochs "$1"
}
ends_after 4 "--epochs 4" --early-stopping 1 --monitor loss
ends_after 2 "--epochs 4 --early-stopping 1" --monitor val_accuracy
ends_after 2 "--epochs 6 --early-stopping 1 --monitor loss" --min-delta 100
ends_after 4 "--epochs 6" --early-stopping 3 --min-delta 100
plain_run --epochs 1
same_weights "$before" $run || fail "--early-stopping does not keep the weights of the best epoch"
ends_after 1 "" --target val_loss=100
ends_after 2 "" --target val_loss=0.01
ends_after 1 "" --target val_accuracy=0
ends_after 2 "" --target accuracy=1

# --- A plateau.
while IFS='|' read -r beside options rates; do
  # shellcheck disable=SC2086
  changes "$beside --epochs 4" $options
  logged learning_rate "$rates"
done <<'TABLE'
--lr 0.001|--reduce-on-plateau 0.5 --plateau-patience 1 --min-delta 100|0.001,0.001,5e-04,0.00025
--reduce-on-plateau 0.5 --min-delta 100|--plateau-patience 2|0.001,0.001,0.001,5e-04
--reduce-on-plateau 0.5 --plateau-patience 1 --monitor loss|--min-delta 100|0.001,0.001,5e-04,0.00025
--reduce-on-plateau 0.5 --plateau-patience 1|--monitor loss|0.001,0.001,0.001,0.001
TABLE

# --- Files.
leaves "" --log-steps 2
logged step 2,4,6 steps.csv
leaves "--epochs 4" --save-best loss
cmp -s $run/best.safetensors $run/model.safetensors || fail "--save-best loss has not kept the last epoch"
leaves "--epochs 4" --save-best val_accuracy
plain_run --epochs 1
cmp -s $run/best.safetensors "$before/model.safetensors" || fail "--save-best val_accuracy has not kept the first epoch"

# --- Checkpoints: what a killed run leaves.
# killed OPTION...: kills a run in its third epoch or later.
killed() {
  run=run-$((++runs))
  "$tilewise" train --config base.toml --output $run --epochs 100000 "$@" 2>err >out &
  for ((i = 0; i < 600; ++i)); do
    [[ -r $run/training.csv && $(wc -l <$run/training.csv) -gt 3 ]] && break
    sleep 0.02
  done
  kill -KILL $!
  wait $! 2>/dev/null
  mark_tried "$@"
}
killed --checkpoint-every 1
[[ -s $run/checkpoint.safetensors ]] || fail "--checkpoint-every 1 has kept none"
killed --checkpoint-every 0
[[ ! -e $run/checkpoint.safetensors ]] || fail "--checkpoint-every 0 has kept one"
killed --checkpoint-every 0 --checkpoint-steps 2
[[ -s $run/checkpoint.safetensors ]] || fail "--checkpoint-steps has kept none"
plain_run --epochs 4
train
expect 0 "" "$tilewise" train --resume $run --epochs 4
same_weights $run "$before" || fail "a resumed run has other weights"
tried[--resume]=1

# --- Run: what is printed and written, and that the weights stay the same.
prints() { # prints TEXT OPTION...
  leaves "" "${@:2}"
  [[ -z $1 || $(<out) =~ $1 ]] || fail "${*:2} does not print $1"
  [[ -n $1 || ! -s out ]] || fail "${*:2} prints something"
}
prints "" --verbose 0
prints "3/3 " --verbose 1
prints "Epoch 2/2 - .* - loss: " --verbose 2
prints "Epoch 2/2 - .* - loss: " --verbose auto
prints "3 threads \(--threads\)" --verbose 2 --threads 3
prints "conv2d .* forward " --profile
prints "" --trace trace.json
[[ -s trace.json ]] || fail "--trace writes nothing"
expect 0 "" "$tilewise" train --config base.toml --output dry --dry-run
[[ ! -e dry ]] || fail "--dry-run leaves a folder"
for option in --dry-run --output --config; do tried[$option]=1; done  # the latter two by all runs

# --- All options were here.
for option in $(options_of train); do
  [[ $option == --help || -n ${tried[$option]-} ]] || fail "$option is not tried"
done

finish "train option"
