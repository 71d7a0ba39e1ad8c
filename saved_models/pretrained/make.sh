#!/usr/bin/env bash
# Train, export and measure the models of this folder. Run it in a folder that has data/g2p:
#
#   keras-attention data g2p --fetch && bash saved_models/pretrained/make.sh
#
# It trains in trained/ and writes NAME.tflite and NAME.log to pretrained/.
set -euo pipefail
mkdir -p pretrained

# Print a command, then run it.
show() {
  echo "$ $*"
  "$@"
  echo
}

# make NAME ARGUMENT...: train with the arguments and export with int8 weights.
make() {
  show keras-attention train "${@:2}" --output "trained/$1"
  show keras-attention export "trained/$1" --tflite int8
  cp "trained/$1/$1.tflite" pretrained
}

dates() {
  make dates dates
  show keras-attention evaluate trained/dates trained/dates/dates.tflite --errors 0
}

g2p() {
  make "g2p-$1" g2p --set "language=$1"
  for pairs in dev test; do
    show keras-attention evaluate "trained/g2p-$1" "trained/g2p-$1/g2p-$1.tflite" \
      --data "data/g2p/$1_$pairs.tsv" --metrics g2p_wer,per --errors 0
  done
}

export COLUMNS=100
dates 2>&1 | tee pretrained/dates.log
for language in fre kor; do
  g2p "$language" 2>&1 | tee "pretrained/g2p-$language.log"
done
