#!/usr/bin/env bash
# Usage: soak.sh [MINUTES] [options]
#
# Trains for so many minutes (default: 30) with one random configuration after another: network, images, batch,
# threads, instruction set, optimizer, loss, schedule, augmentation, averaging, checkpoints. Each is trained twice,
# once undisturbed and once stopped or killed up to three times, resumed each time with other threads, and held to
# what is promised:
#
#   - both end in the same weights and logs, to the bit, and in the same test accuracy;
#   - the exit status tells what happened: 0, 130, 143 or 137, and 1, 2 or 3 for what is refused;
#   - after SIGKILL every file in the run folder can be read, and after resuming nothing is left over;
#   - something refused changes nothing in the folder.
#
# Beside them a long training with everything switched on runs for up to five minutes, then the next one. Once a
# quarter of its time is over, its memory may change by 2%, and the number of its open files not at all.
#
# Prints a row for each round. The same seed draws the same rounds; a signal comes after the step that is shown.
#
#   --seed N          default: from the clock
#   --round N         only this round of the seed, to see it again
#   --tilewise FILE   the program; default: the release preset's, which is built
#   --data-dir DIR    MNIST; default: data/mnist in the repository, fetched if need be
#   --help            print this
#
# Exits with 1 if a promise was broken (its folder is kept), with 2 if used wrongly, with 77 without images.

set -uo pipefail
# shellcheck source=scripts/common.sh
source "$(dirname -- "${BASH_SOURCE[0]}")/common.sh"

minutes=30 seed=$((EPOCHSECONDS % 1000000)) only='' tilewise='' mnist=''
is_number() { [[ $1 =~ ^[0-9]{1,6}$ ]]; }
while [[ $# -gt 0 ]]; do
  case $1 in
    --help | -h) print_help; exit 0 ;;
    --seed) is_number "${2-}" || usage_error "$1 needs a number"; seed=$((10#$2)); shift ;;
    --round) is_number "${2-}" || usage_error "$1 needs a number"; only=$((10#$2)); shift ;;
    --tilewise) [[ -x ${2-} ]] || usage_error "$1 needs a program"; tilewise=$(realpath -- "$2"); shift ;;
    --data-dir) [[ -n ${2-} ]] || usage_error "$1 needs a folder"; mnist=$(realpath -m -- "$2"); shift ;;
    *) is_number "$1" || usage_error "unknown argument '$1'"; minutes=$((10#$1)) ;;
  esac
  shift
done
if [[ -z $tilewise ]]; then
  install_packages
  build_release tilewise_cli >&2 || die "the program could not be built"
  tilewise=$repo_root/build/release/apps/tilewise
fi
if [[ -z $mnist ]]; then
  mnist=$repo_root/data/mnist
  "$scripts_dir/fetch_data.sh" mnist >&2 || true
fi
[[ -r $mnist/train-images-idx3-ubyte ]] || { say "skipped: no MNIST in $mnist"; exit 77; }
unset TILEWISE_NUM_THREADS OMP_NUM_THREADS TILEWISE_ISA

work=$(mktemp -d)
cd -- "$work" || exit
long_pid='' failures=0
# shellcheck disable=SC2317  # called by the trap
clean_up() {
  [[ -z $long_pid ]] || kill -KILL "$long_pid" 2>/dev/null
  if ((failures > 0)); then say "what is left of the failures is in $work"; else rm -rf -- "$work"; fi
}
trap clean_up EXIT
trap 'exit 130' INT TERM

broken=()  # promises, in the round under way
fail() { broken+=("$*"); }

# pick NAME CHOICE...: sets the variable to one of them. ($(pick) would leave RANDOM where it is.)
pick() {
  local name=$1
  shift
  printf -v "$name" %s "${*:RANDOM % $# + 1:1}"
}

# --- Data -------------------------------------------------------------------------------------------

sizes=(300 700 1500)
for size in "${sizes[@]}" 5000; do mnist_subset "$mnist" "$size" "images-$size"; done
"$tilewise" summary --model lenet5 --json >lenet5.json || die "$tilewise does not run"
read -r -a isas <<<"$("$tilewise" info | sed -n 's/.*can run //p' | tr -d ,)"

# --- Configurations ---------------------------------------------------------------------------------

model='' images='' batch='' epochs='' isa='' optimizer='' schedule='' augment=''
split='' loss='' clip='' average='' stopping='' best='' every=''

# draw: sets these, `options`, and about how many steps they make.
draw() {
  local more monitor
  pick model keras keras lenet5 lenet5.json mlp bn_convnet resnet8
  pick images "${sizes[@]}"
  pick batch 16 17 32 50 64 100 128
  pick epochs 3 4 5 6
  pick isa "${isas[@]}"
  pick optimizer adam adamw sgd 'sgd --momentum 0.9 --nesterov' rmsprop 'rmsprop --centered --momentum 0.5'
  pick schedule constant 'step --step-epochs 2' exponential 'cosine --warmup-epochs 0.5' one-cycle
  pick augment - - shift=2 shift=2,rotate=10 elastic=34,flip scale=0.1,shear=5
  pick split 0 0.1 0.2
  monitor=val_loss
  [[ $split != 0 ]] || monitor=loss
  pick loss '' '' '--loss mse' '--label-smoothing 0.1' '--l2 0.0001'
  pick clip '' '' '--clip-norm 1' '--clip-global-norm 1' '--clip-value 0.01'
  pick average '' '' '--ema 0.9'
  pick stopping '' '--early-stopping 2' '--reduce-on-plateau 0.5 --plateau-patience 1'
  [[ -z $stopping ]] || stopping+=" --monitor $monitor"
  pick best '' "--save-best $monitor"
  pick every '' '' '--checkpoint-every 2' '--checkpoint-every 0' '--checkpoint-steps 1' '--checkpoint-steps 7'
  read -r -a more <<<"$loss $clip $average $stopping $best $every --optimizer $optimizer --schedule $schedule"
  [[ $augment == - ]] || more+=(--augment "$augment")
  [[ $model != *.json ]] || model=$work/$model
  options=(--data-dir "$work/images-$images" --model "$model" --batch-size "$batch" --epochs "$epochs"
    --seed "$RANDOM" --validation-split "$split" --log-steps 1 --verbose 2 "${more[@]}")
  export TILEWISE_ISA=$isa
  steps=$((epochs * (images / batch)))
}

# --- Checks -------------------------------------------------------------------------------------------

# run STATUS COMMAND...: the command of tilewise exits with STATUS; says why in one line if that is a failure.
run() {
  local status=$1 got=0
  shift
  timeout 300 "$tilewise" "$@" >out 2>err || got=$?
  if [[ $got != "$status" ]]; then
    fail "tilewise $* exited with $got, expected $status: $(head -n 3 err)"
  elif ((status > 0)) && [[ $(wc -l <err) != 1 || $(<err) != "tilewise: "* ]]; then
    fail "tilewise $* did not say why in one line"
  fi
}

# Whatever happened to a run: files are whole.
check_folder() {
  local file
  for file in "$1"/*.safetensors; do [[ ! -e $file ]] || run 0 info "$file"; done
  for file in "$1"/*.csv; do
    [[ $(tail -c 1 "$file" | od -An -c) == *'\n'* ]] || fail "$file ends in the middle of a row"
    awk -F, 'NR == 1 { n = NF } NF != n { exit 1 }' "$file" || fail "$file has rows of different lengths"
  done
}

results() { cut -d, -f1-6 "$1/training.csv"; }  # without times

names() { find "$1" -mindepth 1 -printf '%P ' | tr ' ' '\n' | sort | tr '\n' ' '; }

compare() {
  local file
  [[ $(names "$1") == "$(names "$2")" ]] || fail "other files:$(names "$2"), expected$(names "$1")"
  for file in model.safetensors best.safetensors steps.csv; do
    [[ ! -e $1/$file ]] || cmp "$1/$file" "$2/$file" >/dev/null || fail "other bits in $file"
  done
  diff <(results "$1") <(results "$2") >/dev/null || fail "another training.csv"
}

rows() { if [[ -r $1 ]]; then wc -l <"$1"; else echo 0; fi; }

# disturb FOLDER OPTIONS...: trains until a step that is drawn, when a signal comes; checks what that leaves, and
# appends to `story`. The run may be over before.
disturb() {
  local folder=$1 signal step pid got=0
  shift
  pick signal KILL KILL TERM INT
  step=$((RANDOM % steps + 1))
  story+=" $signal@$step"
  "$tilewise" train "$@" >out 2>err &
  pid=$!
  while kill -0 $pid 2>/dev/null && (($(rows "$folder/steps.csv") <= step)); do sleep 0.01; done
  kill -s "$signal" $pid 2>/dev/null
  { wait $pid || got=$?; } 2>/dev/null
  if ((got == 0)); then
    story+=:late
  elif ((got != 128 + $(kill -l "$signal"))); then
    fail "$signal at step $step: exit status $got: $(head -n 3 err)"
  fi
  stops=$((stops + 1))
  check_folder "$folder"
}

# Something that cannot be done says so and leaves the run alone.
refuse() {
  local what before
  before=$(cat "$1"/* | cksum)
  pick what batch seed again options diverge
  case $what in
    batch) run 1 train --resume "$1" --batch-size $((batch + 1)) --epochs 9 ;;
    seed) run 1 train --resume "$1" --seed 40000 --epochs 9 ;;
    again) run 1 train "${options[@]}" --output "$1" ;;
    options) run 2 train --resume "$1" --momentum 2 ;;
    diverge) run 3 train --data-dir "$work/images-$images" --optimizer sgd --lr 1e30 --output diverged ;;
  esac
  [[ $(cat "$1"/* | cksum) == "$before" ]] || fail "what was refused ($what) changed $1"
  rm -rf diverged
}

# --- Rounds -------------------------------------------------------------------------------------------

line() { printf '%5s  %-11s %-6s %6s %5s %6s  %-9s %-12s %-17s %-10s  %-30s %s\n' "$@"; }
rounds=0 stops=0 restarts=0

# A round's draws depend on nothing before it. Seeds side by side begin alike, so the first draws are not used.
seed_round() {
  RANDOM=$((seed * 100003 + $1))
  : $RANDOM $RANDOM $RANDOM $RANDOM
}

# end_round NAME RESULT COLUMN...: the row of the table, and what was broken. Leaves the round's folder, and removes
# it if all is well.
end_round() {
  local name=$1 result=$2 text
  shift 2
  cd "$work" || exit
  ((${#broken[@]} == 0)) || result=BROKEN
  line "$name" "${model##*/}" "$isa" "$images" "$batch" "$epochs" "${optimizer%% *}" "${schedule%% *}" "$augment" \
    "$@" "$result"
  if ((${#broken[@]} > 0)); then
    failures=$((failures + 1))
    say "round $name of seed $seed: TILEWISE_ISA=$isa tilewise train ${options[*]}"
    for text in "${broken[@]}"; do say "  $text"; done
  else
    rm -rf "round-$name"
  fi
}

play() {
  local threads used count accuracy story='' again i
  broken=()
  seed_round "$1"
  draw
  mkdir "round-$1" && cd "round-$1" || exit

  pick threads 1 2 3 4 8
  run 0 train "${options[@]}" --threads "$threads" --output whole
  accuracy=$(grep '^Test accuracy' out)

  again=("${options[@]}" --output parts)
  count=$((RANDOM % 3 + 1))
  for ((i = 0; i <= count; ++i)); do
    pick used 1 2 3 5 16
    threads+=/$used
    if ((i == count)); then
      run 0 train "${again[@]}" --threads "$used"
      break
    fi
    disturb parts "${again[@]}" --threads "$used"
    again=(--resume parts --verbose 2)
    if [[ ! -e parts/checkpoint.safetensors ]]; then  # killed before there was one
      run 1 train --resume parts
      rm -rf parts
      again=("${options[@]}" --output parts)
      story+=:anew
      restarts=$((restarts + 1))
    fi
  done
  [[ $(grep '^Test accuracy' out) == "$accuracy" ]] || fail "another test accuracy than '$accuracy'"
  check_folder parts
  compare whole parts
  refuse whole
  rounds=$((rounds + 1))
  end_round "$1" "same bits" "$threads" "${story# }"
}

# --- The long training --------------------------------------------------------------------------------

# Its pages of memory and its open files, every second.
watch() {
  local pages files
  while read -r _ pages _ <"/proc/$1/statm"; do
    files=("/proc/$1/fd/"*)
    echo "$pages ${#files[@]}"
    sleep 1
  done 2>/dev/null
}

start_long() {
  long_number=$((${long_number:-0} + 1)) long_since=$SECONDS
  seed_round $((500000 + long_number))
  draw
  pick model keras lenet5 bn_convnet resnet8
  images=5000 epochs='' optimizer=adamw schedule=step augment=shift=2,rotate=10
  options=(--data-dir "$work/images-$images" --model "$model" --batch-size "$batch" --epochs 1000000
    --optimizer adamw --schedule step --augment "$augment" --ema 0.99 --early-stopping 1000000 --save-best val_loss
    --checkpoint-steps 50 --log-steps 10 --verbose 2)
  long_options=("${options[@]}") long_shown=("$model" "$isa" "$batch")
  local folder=round-long-$long_number
  mkdir "$folder"
  "$tilewise" train "${options[@]}" --threads 2 --output "$folder/run" >"$folder/out" 2>&1 &
  long_pid=$!
  watch $long_pid >"$folder/samples" &
}

# Prints how memory and files went, and fails unless they stayed. Of the seconds after the warm-up the smaller
# figures of each half are compared: while a checkpoint is written there is a file and a buffer more.
is_flat() {
  awk -v page="$(getconf PAGESIZE)" '
    { mib[NR] = $1 * page / 1048576; files[NR] = $2 }
    function least(of, from, to,   i, x) {
      x = of[from]
      for (i = from; i <= to; ++i) if (of[i] < x) x = of[i]
      return x
    }
    END {
      warm = int(NR / 4) + 1; half = int((warm + NR) / 2)
      a = least(mib, warm, half); b = least(mib, half + 1, NR)
      f = least(files, warm, half); g = least(files, half + 1, NR)
      printf "%.1f to %.1f MiB, %d to %d files", a, b, f, g
      exit !(NR >= 8 && b - a <= 0.02 * a && a - b <= 0.02 * a && f == g)
    }' "$1"
}

stop_long() {
  local name=long-$long_number got=0 text
  broken=() options=("${long_options[@]}")
  model=${long_shown[0]} isa=${long_shown[1]} batch=${long_shown[2]}
  images=5000 optimizer=adamw schedule=step augment=shift=2,rotate=10
  kill -TERM "$long_pid"
  { wait "$long_pid" || got=$?; } 2>/dev/null
  long_pid=''
  cd "round-$name" || exit
  ((got == 143)) || fail "TERM: exit status $got: $(tail -n 3 out)"
  check_folder run
  epochs=$(($(rows run/training.csv) - 1))
  text=$(is_flat samples) || fail "memory or files are not what they were: $text"
  end_round "$name" flat 2 "$text"
}

# --- All of it ----------------------------------------------------------------------------------------

echo "seed $seed, $minutes min, $("$tilewise" info | head -n 1)"
line round network isa images batch epochs optimizer schedule augmentation threads "signals at steps" result
if [[ -n $only ]]; then
  play "$only"
else
  number=0
  [[ $minutes == 0 ]] || start_long
  while ((SECONDS < 60 * minutes)); do
    number=$((number + 1))
    play $number
    if ((SECONDS - long_since >= 300 && SECONDS + 60 < 60 * minutes)); then
      stop_long
      start_long
    fi
  done
  [[ -z $long_pid ]] || stop_long
fi
printf '%s rounds, stopped or killed %s times, %s of them before the first checkpoint; %s with a broken promise\n' \
  $rounds $stops $restarts $failures
exit $((failures > 0))
