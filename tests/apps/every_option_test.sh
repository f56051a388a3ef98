#!/usr/bin/env bash
# Usage: every_option_test.sh TILEWISE
#
# Every option of every command: --help has it, a script beside this one uses it, and it refuses a missing value
# and bad ones with status 2 and a line that names it. What options do is tested in those scripts.

here=$(realpath -- "$(dirname -- "${BASH_SOURCE[0]}")")
# shellcheck source=tests/apps/support.sh
source "$here/support.sh"

commands=$("$tilewise" completion bash | sed -n 's/^ *:\*) words="\(.*\) --.*/\1/p')
commands=${commands%% --*}
[[ $commands == "train evaluate "* ]] || fail "completion lists the commands '$commands'"
cat >base.toml <<'TOML'
data-dir = "data"
model = "lenet5"
epochs = 2
TOML
expect 0 "" "$tilewise" train --config base.toml --verbose 0 --output run
weights=run/model.safetensors
# What a command needs before its options.
declare -A needed=([train]="--config base.toml --output bad" [evaluate]="$weights" [predict]="$weights"
  [info]="" [samples]="" [summary]="" [profile]="" [convert]="$weights bad.safetensors" [completion]="bash")

# --- Bad values, of COMMAND OPTION VALUE... | OTHER OPTIONS.
declare -A refused
while read -r command option values; do
  beside=${values#*|}
  [[ $beside != "$values" ]] || beside=
  for value in ${values%%|*}; do
    # shellcheck disable=SC2086
    expect 2 "$option" "$tilewise" $command ${needed[$command]} $option "$value" $beside
    refused[$command $option]=1
  done
done <<'TABLE'
train --preset slow
train --model alexnet
train --validation-split -0.1 1 nan x
train --augment shift foo=1 shift=x shift=nan shift=-1 rotate=361 scale=1 shear=61 elastic=1e9 elastic=3,sigma=0 sigma=3
train --epochs 0 -1 1.5 1e9 x
train --batch-size 0 65537 x
train --seed -1 x 1e30
train --loss hinge
train --label-smoothing -0.1 1.1 nan x
train --label-smoothing 0.1 | --loss mse
train --l2 -1 nan inf x
train --optimizer lion
train --lr -1 nan inf x
train --momentum -0.1 1 nan x | --optimizer sgd
train --momentum -0.1 1 nan x | --optimizer rmsprop
train --momentum 0.5 | --optimizer adamw
train --beta-1 -0.1 1 nan 0.999999999999 x
train --beta-1 0.9 | --optimizer sgd
train --beta-2 -0.1 1 nan 0.999999999999 x | --optimizer adamw
train --beta-2 0.9 | --optimizer rmsprop
train --rho -0.1 1 nan x | --optimizer rmsprop
train --rho 0.9
train --epsilon 0 -1 nan inf 1e-40 1e39 x
train --epsilon 0 1e-40 | --optimizer rmsprop
train --epsilon 1e-7 | --optimizer sgd
train --weight-decay -1 nan inf x
train --clip-value 0 -1 nan x
train --clip-norm 0 -1 nan x
train --clip-global-norm 0 -1 nan x
train --clip-value 1 | --clip-norm 1
train --clip-norm 1 | --clip-global-norm 1
train --schedule linear
train --gamma 0 -1 nan x | --schedule step
train --gamma 0.5 | --schedule cosine
train --step-epochs 0 -1 nan 1e30 x | --schedule exponential
train --step-epochs 1
train --warmup-epochs -1 2 nan x | --schedule cosine
train --warmup-epochs 1 | --schedule step
train --min-lr -1 1 nan x | --schedule one-cycle
train --min-lr 0
train --reduce-on-plateau 0 1 -1 nan x
train --plateau-patience -1 1.5 x | --reduce-on-plateau 0.5
train --plateau-patience 1
train --early-stopping -1 1.5 x
train --early-stopping 1 | --validation-split 0
train --monitor error | --early-stopping 1
train --monitor loss
train --min-delta -1 nan x | --early-stopping 1
train --min-delta 1
train --target loss loss= error=1 val_loss=nan val_loss=x
train --target val_loss=1 | --validation-split 0
train --ema -1 1 nan x
train --save-best error
train --save-best val_loss | --validation-split 0
train --checkpoint-every -1 1.5 x
train --checkpoint-steps 0 -1 x
train --log-steps 0 -1 x
train --threads 0 1025 x
train --verbose 3
evaluate --split both
evaluate --batch-size 0 65537 x
evaluate --threads 0 1025 x
predict --invert perhaps
predict --split both
predict --batch-size 0 65537 x
predict --threads 0 1025 x
samples --split both
samples --samples 0 101 x
summary --model alexnet
summary --image-shape 28 28,28 28,28,0 28,28,1,1 a,b,c
summary --classes 0 x
profile --model alexnet | --data-dir data
profile --batch-size 0 65537 x
profile --steps 0 1000001 x
profile --threads 0 1025 x
profile --without tidiness
info --threads 0 1025 x
TABLE
for options in "--nesterov" "--nesterov --optimizer sgd" "--centered --optimizer sgd"; do
  # shellcheck disable=SC2086
  expect 2 "${options%% *}" "$tilewise" train --config base.toml --output bad $options
done
expect 2 "--resume" "$tilewise" train --resume run --output other
expect 2 "--resume" "$tilewise" train --resume run --config base.toml
expect 2 "--resume" "$tilewise" train --resume run --dry-run
expect 2 "--peak, --threads" "$tilewise" info $weights --filters filters.csv --threads 2
expect 2 "--peak, --threads" "$tilewise" info $weights --filters filters.csv --peak
expect 2 "--filters" "$tilewise" info --filters filters.csv
# What a user wrote does not break the line.
expect 2 "--lr: a?b" "$tilewise" train --lr $'a\nb'
expect 1 "no?where" "$tilewise" train --data-dir $'no\nwhere'
[[ ! -e bad && ! -e bad.safetensors && ! -e filters.csv ]] || fail "a refused command left a file"

# --- Files that are not there or cannot be written, of COMMAND OPTION.
while read -r command option; do
  # shellcheck disable=SC2086
  expect 1 "none/file" "$tilewise" $command ${needed[$command]} $option none/file
  refused[$command $option]=1
done <<'TABLE'
train --data-dir
train --trace
evaluate --data-dir
evaluate --confusion
evaluate --predictions
evaluate --worst
evaluate --config
predict --data-dir
predict --output
predict --config
samples --data-dir
samples --output
samples --config
profile --data-dir
profile --trace
profile --csv
profile --config
convert --model
TABLE
expect 1 "none/file" "$tilewise" train --resume none/file
expect 1 "none/file" "$tilewise" train --config none/file
expect 1 "none/file" "$tilewise" info $weights --filters none/file
expect 1 "/dev/null/run" "$tilewise" train --config base.toml --output /dev/null/run
for option in "train --resume" "train --config" "train --output" "info --filters"; do refused[$option]=1; done

# --- Options that no other script uses.
echo 'data-dir = "data"' >data.toml
expect 0 "index,predicted" "$tilewise" predict --config data.toml $weights
expect 0 "data: 20 test images" "$tilewise" samples --config data.toml --split test

# --- All options of all commands. `lines` are the scripts' command lines that are to succeed, each on one line.
sed -e ':a' -e '/\\$/{N;s/\\\n//;ba' -e '}' "$here"/*_test.sh | grep -E 'tilewise" ' | grep -vE 'expect [12] ' >lines
flags=" --nesterov --centered --dry-run --profile --raw --json --peak "
for command in $commands; do
  "$tilewise" "$command" --help >help || fail "$command --help"
  options=$(options_of "$command")
  [[ $options == *--help* ]] || fail "completion lists no options of $command"
  for option in $options; do
    grep -qE -- "(^|[ ,])$option( |$)" help || fail "$command --help does not tell of $option"
    [[ $option != --help ]] || continue
    # train has its own test, which sees to it that all of its options are tried.
    if [[ $command != train ]]; then
      grep -qE "tilewise\" $command .*$option( |\$)" lines || fail "no script uses $command $option"
    fi
    if [[ $flags != *" $option "* ]]; then
      [[ -n ${refused[$command $option]-} ]] || fail "$command $option is not tried with a bad value"
      # shellcheck disable=SC2086
      expect 2 "$option" "$tilewise" "$command" ${needed[$command]%--config*} "$option"
    fi
  done
done

finish "option"
