#!/usr/bin/env bash
# Train, export and measure the models of this folder. Run it in a folder that has data/g2p:
#
#   keras-attention data g2p --fetch && bash saved_models/pretrained/make.sh [NAME...]
#
# The model g2p-many also learns from words of the package wordfreq: pip install wordfreq==3.1.1
#
# NAME is a model, such as g2p-kor; without a name, the script makes all of them. It trains in trained/
# and writes NAME.tflite and NAME.log to pretrained/.
set -euo pipefail
benchmarks=$(dirname "${BASH_SOURCE[0]}")/../../benchmarks
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
  export_int8 "$1"
}

# export_int8 NAME
export_int8() {
  show keras-attention export "trained/$1" --tflite int8
  cp "trained/$1/$1.tflite" pretrained
}

# measure NAME ARGUMENT...: evaluate the Keras model and the TFLite file.
measure() {
  show keras-attention evaluate "trained/$1" "trained/$1/$1.tflite" --errors 0 "${@:2}"
}

make_dates() {
  make dates dates
  measure dates
}

# make_one_language CODE
make_one_language() {
  make "g2p-$1" g2p --set "language=$1"
  for pairs in dev test; do
    measure "g2p-$1" --data "data/g2p/$1_$pairs.tsv" --metrics g2p_wer,per
  done
}

make_many_languages() {
  local seed
  for seed in 1 2 3; do
    show keras-attention train g2p-many --set "training.seed=$seed" --output "trained/teacher-$seed"
  done
  show python "$benchmarks/g2p_words.py" data/g2p words
  show keras-attention distill trained/teacher-{1,2,3} --into g2p-many --sources 'words/*.txt' \
    --with-pairs --beam 4 --set epochs=8 --set validate_every=1350 --set training.seed=3 \
    --output trained/g2p-many
  export_int8 g2p-many
  measure g2p-many --metrics g2p_wer,per
  for code in fre hun ice jpn kor vie; do
    measure g2p-many --data "data/g2p/${code}_test.tsv" --feature "language=$code" \
      --metrics g2p_wer,per
  done
}

export COLUMNS=100
(($#)) || set -- dates g2p-fre g2p-kor g2p-many
for name; do
  case $name in
    dates) making=(make_dates) ;;
    g2p-many) making=(make_many_languages) ;;
    g2p-*) making=(make_one_language "${name#g2p-}") ;;
    *)
      echo "error: expected dates, g2p-many or g2p-LANGUAGE. Received: $name." >&2
      exit 2
      ;;
  esac
  "${making[@]}" 2>&1 | tee "pretrained/$name.log"
done
