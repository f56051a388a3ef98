#!/usr/bin/env bash
# Usage: models_test.sh TILEWISE
#
# The command line with networks of all kinds: --model, summary, evaluate, predict, samples, info of a
# file, convert, --config and completion. Everything that an option should change is looked at.

scripts=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")/../../scripts" && pwd)
# shellcheck source=tests/apps/support.sh
source "$(dirname -- "${BASH_SOURCE[0]}")/support.sh"

# same A B: two files are the same to the bit.
same() { cmp -- "$1" "$2" >/dev/null || fail "$1 and $2 differ"; }
# says TEXT...: the last command printed each of them.
says() { for text in "$@"; do grep -qF -- "$text" out || fail "does not say '$text'"; done; }
# lines FILE COUNT
lines() { [[ $(wc -l <"$1") == "$2" ]] || fail "$1 has $(wc -l <"$1") lines, expected $2"; }

# --- Help: every command has an example, and nothing is wider than a terminal.
for command in "" train evaluate predict samples summary profile info convert completion; do
  # shellcheck disable=SC2086
  expect 0 "tilewise" "$tilewise" $command --help
  [[ -z $command ]] || grep -q "Example" out || fail "$command --help has no example"
  awk -v command="$command" 'length > 80 { print command ": " $0; wide = 1 } END { exit wide }' out >wide ||
    fail "--help is wider than 80 columns: $(<wide)"
done

# --- summary
expect 0 "34,826" "$tilewise" summary
says 'Model: "mnist_convnet"' "conv2d_1 (Conv2D)" "(None, 11, 11, 64)"
expect 0 "61,706" "$tilewise" summary --model lenet5
expect 0 "669,706" "$tilewise" summary --model mlp
awk 'length > 80 { exit 1 }' out || fail "summary is wider than 80 columns"
expect 0 "(None, 32, 32, 3)" "$tilewise" summary --model lenet5 --image-shape 32,32,3
expect 0 "(None, 7)" "$tilewise" summary --model mlp --classes 7
expect 2 "images of shape (9, 9, 1) are too small: layer max_pooling2d_1" \
  "$tilewise" summary --model keras --image-shape 9,9,1
for shape in 28x28 28 28,28 28,28,0 28,28,1,1 28,28,65537 28,28,x; do
  expect 2 "--image-shape: $shape, expected height,width,channels, each from 1 to 65536, as 28,28,1" \
    "$tilewise" summary --image-shape $shape
done
expect 0 "(None, 32, 32, 3)" "$tilewise" summary --model lenet5 --image-shape 32 32 3
expect 2 "--classes" "$tilewise" summary --classes 0
expect 2 "keras, lenet5, mlp, bn_convnet, resnet8, fast_convnet, best_convnet, or a file that ends in .json" "$tilewise" summary --model alexnet
expect 0 '"class_name": "Sequential"' "$tilewise" summary --model lenet5 --json
cp out lenet5.json
expect 0 '"class_name": "BatchNormalization"' "$tilewise" summary --model bn_convnet --json
cp out bn_convnet.json
expect 0 "61,706" "$tilewise" summary --model lenet5.json
expect 0 "" "$tilewise" summary --model lenet5.json --json
same out lenet5.json
expect 2 "--classes: only built-in networks" "$tilewise" summary --model lenet5.json --classes 7
expect 1 "none.json" "$tilewise" summary --model none.json
sed 's/"synchronized": false/"synchronized": true/' bn_convnet.json >synchronized.json
expect 1 "synchronized.json: layer batch_normalization (BatchNormalization): synchronized true is not supported" \
  "$tilewise" summary --model synchronized.json
echo '{"class_name": NaN}' >nan.json
expect 1 "nan.json: not valid JSON at line 1, column 16" "$tilewise" summary --model nan.json

# --- train: a network by name and the same network as a file give the same bits; the weights have it.
train() { expect 0 "" "$tilewise" train --data-dir data --verbose 0 --batch-size 8 --epochs 1 "$@"; }
train --model lenet5 --output by-name
train --model lenet5.json --output file
same by-name/model.safetensors file/model.safetensors
weights=by-name/model.safetensors
train --output keras
cmp -s keras/model.safetensors $weights && fail "--model has no effect"
train --model lenet5.json --seed 2 --output seed
cmp -s seed/model.safetensors $weights && fail "--seed has no effect"
train --model lenet5.json
[[ -s $(echo runs/lenet5-*/model.safetensors) ]] || fail "the default folder has not the file's name"
expect 0 "Total params: 61,706" "$tilewise" train --data-dir data --model lenet5 --dry-run
"$tilewise" summary --model lenet5 --image-shape 32,32,3 --json >wide.json
expect 2 "takes images of shape (32, 32, 3), the data's are (28, 28, 1)" \
  "$tilewise" train --data-dir data --model wide.json --output wrong
"$tilewise" summary --model lenet5 --classes 3 --json >three.json
expect 2 "has 3 outputs, the data 10 classes" \
  "$tilewise" train --data-dir data --model three.json --output wrong
[[ ! -e wrong ]] || fail "a network that does not suit the data left a folder"

# --- train --preset: options under a name. The command line and --config win; the folder keeps them all.
for preset in fast best; do
  train --preset $preset --output $preset
  grep -q "^model = \"${preset}_convnet\"" $preset/config.toml || fail "--preset $preset: not its network"
  grep -q "^preset" $preset/config.toml && fail "config.toml names the preset"
  grep -q "^batch-size = 8$" $preset/config.toml || fail "--preset wins over --batch-size"
  grep -q "^schedule = \"one-cycle\"" $preset/config.toml || fail "--preset $preset: not its schedule"
  expect 0 "" "$tilewise" train --data-dir data --verbose 0 --config $preset/config.toml --output $preset-again
  same $preset/model.safetensors $preset-again/model.safetensors
done
echo 'model = "mlp"' >mlp.toml
train --preset fast --config mlp.toml --output configured
grep -q '^model = "mlp"' configured/config.toml || fail "--preset wins over --config"
grep -q "^lr = 0.01$" configured/config.toml || fail "--preset beside --config has no effect"
echo 'preset = "fast"' >fast.toml
train --config fast.toml --output fast-config
same fast/model.safetensors fast-config/model.safetensors
expect 2 "--preset" "$tilewise" train --data-dir data --preset slow --output wrong
expect 2 "leave out --preset" "$tilewise" train --resume fast --preset fast
# What does not go with an option that only the preset set says so; --label-smoothing 0 goes with every loss.
while IFS='|' read -r text options; do
  # shellcheck disable=SC2086
  expect 2 "; what is given beside it wins)" "$tilewise" train --data-dir data $options --output wrong
  grep -qF -- "(--preset $text;" err || fail "$options does not say '$text': $(<err)"
done <<'TABLE'
fast sets --label-smoothing 0.1|--preset fast --loss mse
best sets --label-smoothing 0.1|--preset best --loss mse --validation-split 0.2
fast sets --label-smoothing 0.1|--config fast.toml --loss mse
fast sets --validation-split 0|--preset fast --early-stopping 1
fast sets --validation-split 0|--preset fast --reduce-on-plateau 0.5
fast sets --validation-split 0|--preset fast --target val_accuracy=0.9
best sets --validation-split 0|--preset best --save-best val_loss
best sets --schedule one-cycle|--preset best --gamma 0.5
fast sets --epochs 1|--preset fast --warmup-epochs 2
fast sets --lr 0.01|--preset fast --min-lr 1
TABLE
for options in "--loss mse --label-smoothing 0.1" "--early-stopping 1 --validation-split 0"; do
  # shellcheck disable=SC2086
  expect 2 "" "$tilewise" train --data-dir data --preset fast $options --output wrong
  grep -qF -- --preset err && fail "$options: says that the preset set what was given"
done
train --preset fast --loss mse --label-smoothing 0 --output mse
train --preset fast --early-stopping 1 --save-best val_loss --validation-split 0.2 --output validated
[[ ! -e wrong ]] || fail "a refused option left a folder"
expect 0 "61,706" "$tilewise" summary --model $weights
expect 0 "dense_2  " "$tilewise" profile --data-dir data --model lenet5 --steps 1 --batch-size 8

# --- evaluate: the tables add up, and the options change what they should.
expect 0 "Test accuracy: " "$tilewise" evaluate $weights --data-dir data --confusion confusion.csv \
  --predictions predictions.csv
says "20 test images" "class  precision  recall      F1  support" "Rows: what an image is" \
  "Wrote confusion.csv" "Wrote predictions.csv"
awk 'length > 80 { exit 1 }' out || fail "evaluate is wider than 80 columns"
test_line=$(tail -n 1 out)
[[ $(head -n 1 predictions.csv) == index,label,predicted,probability,loss ]] || fail "header of predictions.csv"
lines predictions.csv 21
[[ $(head -n 1 confusion.csv) == label,0,1,2,3,4,5,6,7,8,9 ]] || fail "header of confusion.csv"
lines confusion.csv 11
awk -F, 'NR > 1 { for (i = 2; i <= NF; ++i) sum += $i } END { exit sum != 20 }' confusion.csv ||
  fail "confusion.csv does not add up"
computed=$(awk -F, 'NR > 1 { right += $2 == $3; loss += $5 }
  END { printf "Test accuracy: %.4f - test loss: %.4f", right / 20, loss / 20 }' predictions.csv)
[[ $computed == "$test_line" ]] || fail "predictions.csv gives $computed, evaluate $test_line"
expect 0 "$test_line" "$tilewise" evaluate $weights --data-dir data --batch-size 3 --threads 3
says "3 threads (--threads)"
expect 0 "20 training images" "$tilewise" evaluate $weights --data-dir data --split train
says "Training accuracy: "
expect 2 "--split" "$tilewise" evaluate $weights --data-dir data --split both
expect 1 "nowhere/c.csv" "$tilewise" evaluate $weights --data-dir data --confusion nowhere/c.csv
expect 1 "nowhere/p.csv" "$tilewise" evaluate $weights --data-dir data --predictions nowhere/p.csv

# --- predict
expect 0 "Wrote probabilities.csv" "$tilewise" predict $weights --data-dir data --output probabilities.csv
[[ $(head -n 1 probabilities.csv) == index,predicted,p0,p1,p2,p3,p4,p5,p6,p7,p8,p9 ]] ||
  fail "header of probabilities.csv"
awk -F, 'NR > 1 { sum = 0; for (i = 3; i <= NF; ++i) sum += $i
  if (sum < 0.99999 || sum > 1.00001) exit 1 }' probabilities.csv || fail "probabilities do not add up to 1"
diff <(cut -d, -f1,2 probabilities.csv) <(cut -d, -f1,3 predictions.csv) >/dev/null ||
  fail "predict and evaluate do not agree"
expect 0 "index,predicted" "$tilewise" predict $weights --data-dir data --batch-size 7 --threads 2
same out probabilities.csv
expect 0 "" "$tilewise" predict $weights --data-dir data --split train
cmp -s out probabilities.csv && fail "predict --split has no effect"
# The first test image as a picture.
tail -c +17 data/t10k-images-idx3-ubyte | head -c 784 | png 28 28 >first.png
first=$(sed -n 2p probabilities.csv | cut -d, -f2)
expect 0 "first.png     $first " "$tilewise" predict $weights first.png first.png --raw --invert no
lines out 2
expect 0 "Wrote one.csv" "$tilewise" predict $weights first.png --raw --invert no --output one.csv --threads 1
[[ $(tail -n 1 one.csv) == "$(sed -n 2p probabilities.csv)" ]] || fail "a picture and the data set do not agree"
for options in "--raw --invert yes" "--invert no" "--invert yes"; do
  # shellcheck disable=SC2086
  expect 0 "Wrote other.csv" "$tilewise" predict $weights first.png $options --output other.csv
  cmp -s one.csv other.csv && fail "predict $options has no effect"
  cp other.csv "other-${options##*--}.csv"
done
cmp -s "other-invert no.csv" "other-invert yes.csv" && fail "predict --invert has no effect"
expect 0 "Wrote with-data.csv" "$tilewise" predict $weights first.png --data-dir data --raw --invert no \
  --output with-data.csv
same one.csv with-data.csv
expect 1 "nowhere" "$tilewise" predict $weights first.png --data-dir nowhere
head -c 64 /dev/zero | png 8 8 >blank.png
expect 1 "blank.png: picture of 8 x 8 pixels: no ink" "$tilewise" predict $weights blank.png
expect 0 "blank.png" "$tilewise" predict $weights blank.png --raw
head -c 100 first.png >short.png
expect 1 "short.png: damaged PNG image: truncated" "$tilewise" predict $weights short.png
echo text >text.png
expect 1 "text.png: not a PNG image" "$tilewise" predict $weights text.png
{
  head -c 60 first.png
  printf XXXX
  tail -c +65 first.png
} >damaged.png
expect 1 "damaged.png: damaged PNG image" "$tilewise" predict $weights damaged.png
expect 1 "none.png" "$tilewise" predict $weights none.png
expect 2 "not both" "$tilewise" predict $weights first.png --split train
expect 2 "--raw, --invert: they are about images" "$tilewise" predict $weights --data-dir data --raw
expect 2 "--invert" "$tilewise" predict $weights first.png --invert perhaps
expect 1 "nowhere/p.csv" "$tilewise" predict $weights --data-dir data --output nowhere/p.csv

# --- samples; its pictures and those of evaluate are ones that predict reads.
expect 0 "data: 20 training images of shape (28, 28, 1), 10 classes" "$tilewise" samples --data-dir data
says "class   images  name" "    9        2  9"
lines out 13
expect 0 "Wrote sheet.png" "$tilewise" samples --data-dir data --output sheet.png
expect 0 "Wrote test.png" "$tilewise" samples --data-dir data --split test --output test.png
says "20 test images"
cmp -s sheet.png test.png && fail "samples --split has no effect"
expect 0 "Wrote narrow.png" "$tilewise" samples --data-dir data --samples 1 --output narrow.png
(($(wc -c <narrow.png) < $(wc -c <sheet.png))) || fail "samples --samples has no effect"
expect 0 "sheet.png" "$tilewise" predict $weights sheet.png --raw
expect 0 "Wrote worst.png" "$tilewise" evaluate $weights --data-dir data --worst worst.png
expect 0 "worst.png" "$tilewise" predict $weights worst.png --raw
# Names of classes that CSV has to quote.
for class in 'plain' 'with, comma' 'with "quotes"'; do
  mkdir -p "classes/$class"
  for i in 1 2; do head -c 64 /dev/urandom | png 8 8 >"classes/$class/$i.png"; done
done
mkdir split && cp -r classes split/train && mv classes split/test
expect 0 "" "$tilewise" train --data-dir split --model mlp --epochs 1 --validation-split 0 --verbose 0 --output named
expect 0 "with, comma" "$tilewise" evaluate named/model.safetensors --data-dir split --confusion named.csv \
  --predictions named-predictions.csv
[[ $(head -n 1 named.csv) == 'label,plain,"with ""quotes""","with, comma"' ]] || fail "header of named.csv"
[[ $(sed 's/,[0-9,]*$//' named.csv | tail -n 2 | xargs -d '\n') == '"with ""quotes""" "with, comma"' ]] ||
  fail "rows of named.csv"
lines named-predictions.csv 7
awk -v names=named.txt -f "$scripts/plot_confusion.awk" named.csv >cells.txt 2>/dev/null
[[ $(xargs -d '\n' printf '%s|' <named.txt) == 'plain|with "quotes"|with, comma|' ]] ||
  fail "plots read other names of classes: $(<named.txt)"
[[ $(awk '{ sum += $5 } END { print sum }' cells.txt) == 6 ]] || fail "plots read other counts"
expect 2 "--samples" "$tilewise" samples --samples 0
expect 2 "--samples: needs --output" "$tilewise" samples --data-dir data --samples 3
expect 2 "--split" "$tilewise" samples --data-dir data --split both
expect 1 "nowhere" "$tilewise" samples --data-dir nowhere
expect 1 "nowhere/s.png" "$tilewise" samples --data-dir data --output nowhere/s.png
expect 1 "nowhere/w.png" "$tilewise" evaluate $weights --data-dir data --worst nowhere/w.png

# --- info
expect 0 "$weights: 10 tensors of 61706 values, 241.0 KiB" "$tilewise" info $weights
says "conv2d_1/kernel" "(5, 5, 6, 16)" "network lenet5 of 8 layers, (28, 28, 1) to (10)"
awk 'length > 80 { exit 1 }' out || fail "info is wider than 80 columns"
expect 2 "leave out the file" "$tilewise" info $weights --peak
expect 0 "" "$tilewise" info $weights --filters filters.csv
[[ $(head -n 1 filters.csv) == filter,row,column,channel,weight ]] || fail "header of filters.csv"
lines filters.csv 151  # 6 of 5 by 5
expect 1 "junk" "$tilewise" info junk

# --- convert
expect 0 "Wrote network.json" "$tilewise" convert $weights network.json
same network.json lenet5.json
expect 0 "" "$tilewise" convert lenet5.json again.json
same again.json lenet5.json
# Weights without their network, as Python would write them: refused, or taken for the network keras.
header_size() { od -An -tu8 -N8 "$1" | tr -d ' '; }
without_metadata() { # without_metadata IN OUT
  local pattern='s/"__metadata__":\{"model_config":"(\\.|[^"\\])*"\},//'
  tail -c +9 "$1" | head -c "$(header_size "$1")" | sed -E "$pattern" >header
  while (($(wc -c <header) % 8)); do printf ' ' >>header; done
  {
    for shift in 0 8 16 24; do printf %b "\\x$(printf %02x $(($(wc -c <header) >> shift & 255)))"; done
    printf '\0\0\0\0'
    cat header
    tail -c +$((9 + $(header_size "$1"))) "$1"
  } >"$2"
}
without_metadata $weights bare.safetensors
expect 0 "10 tensors" "$tilewise" info bare.safetensors
grep -q "^network" out && fail "the network was not removed"
expect 1 "bare.safetensors: tensor conv2d/kernel has shape" "$tilewise" evaluate bare.safetensors --data-dir data
expect 1 "does not say what network" "$tilewise" convert bare.safetensors bare.json
expect 0 "" "$tilewise" convert bare.safetensors whole.safetensors --model lenet5.json
expect 0 "$test_line" "$tilewise" evaluate whole.safetensors --data-dir data
expect 0 "" "$tilewise" convert bare.safetensors whole.safetensors --model $weights
expect 1 "tensor conv2d/kernel has shape" "$tilewise" convert keras/model.safetensors x.safetensors --model lenet5.json
without_metadata keras/model.safetensors bare-keras.safetensors
expect 0 "Test accuracy" "$tilewise" evaluate bare-keras.safetensors --data-dir data
cp out bare-keras
expect 0 "$(tail -n 1 bare-keras)" "$tilewise" evaluate keras/model.safetensors --data-dir data
expect 2 "expected a file that ends in" "$tilewise" convert lenet5 lenet5.onnx
expect 2 "to .safetensors with --model" "$tilewise" convert lenet5.json lenet5.safetensors
expect 2 "OUT is required" "$tilewise" convert lenet5.json
[[ ! -e x.safetensors ]] || fail "a refused conversion wrote a file"

# --- config: a run is repeated to the bit from the file that it leaves; every option can stand in one.
expect 0 "" "$tilewise" train --data-dir data --model mlp --epochs 2 --batch-size 6 --optimizer sgd --lr 0.05 \
  --momentum 0.5 --seed 7 --validation-split 0.25 --threads 2 --verbose 0 --output first
for line in 'model = "mlp"' 'data-dir = "data"' "validation-split = 0.25" "epochs = 2" "batch-size = 6" \
  "seed = 7" 'optimizer = "sgd"' "lr = 0.05" "momentum = 0.5" "threads = 2" "verbose = 0" \
  "dry-run = false" "profile = false"; do
  grep -qxF -- "$line" first/config.toml || fail "config.toml has no line '$line'"
done
expect 0 "" "$tilewise" train --config first/config.toml --output second
same first/model.safetensors second/model.safetensors
same first/config.toml second/config.toml
lines second/training.csv 3
# What was not given stands there, too.
grep -qx "lr = 0.001" keras/config.toml || fail "config.toml has not the optimizer's learning rate"
expect 0 "" "$tilewise" train --config keras/config.toml --output keras-again
same keras/model.safetensors keras-again/model.safetensors
# The command line wins.
expect 0 "" "$tilewise" train --config first/config.toml --epochs 1 --output third
lines third/training.csv 2
cat >run.json <<'JSON'
{"data-dir": "data", "model": "mlp", "epochs": 2, "batch-size": 6, "optimizer": "sgd", "lr": 0.05,
 "momentum": 0.5, "seed": 7, "validation-split": 0.25, "train": {"verbose": "0"}}
JSON
expect 0 "" "$tilewise" train --config run.json --output fourth
same first/model.safetensors fourth/model.safetensors
[[ ! -s out ]] || fail "verbose in a configuration has no effect"
printf '# of a run\n[train]  # this\ndata-dir = "data" # there\ndry-run = true\n' >dry.toml
expect 0 "images/s" "$tilewise" train --config dry.toml --output dry
[[ ! -e dry ]] || fail "a flag in a configuration has no effect"
printf 'without = ["fuse_pooling", "depth_first"]\nsteps = 1\nbatch-size = 8\n' >profile.toml
expect 0 "max_pooling2d  " "$tilewise" profile --data-dir data --config profile.toml
says "1 steps"
echo 'data-dir = "data"' >data.toml
expect 0 "$test_line" "$tilewise" evaluate $weights --config data.toml
refused() { # refused TEXT CONTENT
  printf '%s' "$2" >bad.toml
  expect 2 "bad.toml: $1" "$tilewise" train --data-dir data --config bad.toml --output bad
}
refused "'tilewise train' has no option epoch" "epoch = 3"
refused "--epochs" "epochs = many"
refused "--epochs" "epochs = 0"
refused "'tilewise train' has no option config" "config = x"
refused "'tilewise train' has no option evaluate.epochs" $'[evaluate]\nepochs = 3'
refused "epochs is null, expected text" '{"epochs": null}'
refused "epochs is [1], expected text" '{"epochs": [[1]]}'
refused "'tilewise train' has no option a.b" '{"a": {"b": 1}}'
refused "" '{"dry-run": "perhaps"}'
head -c 3000 "$tilewise" >bad.toml
expect 2 "bad.toml: " "$tilewise" train --data-dir data --config bad.toml --output bad
printf '{"epochs": 1, "epochs": 2}' >bad.toml
expect 1 "bad.toml: key \"epochs\" is there twice" "$tilewise" train --data-dir data --config bad.toml
expect 1 "none.toml" "$tilewise" train --config none.toml
: >empty.toml
expect 0 "images/s" "$tilewise" train --data-dir data --dry-run --config empty.toml
mkdir "an odd 'name' #1"
expect 0 "" "$tilewise" train --data-dir data --model mlp --epochs 1 --verbose 0 --profile --output odd \
  --trace "an odd 'name' #1/trace.json"
rm "an odd 'name' #1/trace.json"
expect 0 "" "$tilewise" train --config odd/config.toml --output odd-again
[[ -s "an odd 'name' #1/trace.json" ]] || fail "a name with quotes and spaces does not survive config.toml"

# --- completion
expect 0 "complete" "$tilewise" completion bash
cp out completion.bash
expect 2 "fish not in" "$tilewise" completion fish
completed() { # completed WORD...: what bash offers for the last word
  bash -c 'source completion.bash; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _tilewise; echo "${COMPREPLY[*]}"' _ "$@"
}
[[ $(completed tilewise ev) == evaluate ]] || fail "completion of commands: $(completed tilewise ev)"
[[ $(completed tilewise train --epo) == --epochs ]] || fail "completion of options: $(completed tilewise train --epo)"
[[ $(completed tilewise train --optimizer '') == "adam adamw sgd rmsprop" ]] || fail "completion of choices"
[[ $(completed tilewise train --model l) == lenet5 ]] || fail "completion of the names of networks"
[[ -z $(completed tilewise train --output x) ]] || fail "completion of folders is not left to bash"
[[ $(completed tilewise evaluate w.safetensors --sp) == --split ]] || fail "completion after a file"

finish "model"
