#!/usr/bin/env bash
# Runs the grids of attention.md: every mechanism in every placement, and sources longer than those of
# training. If a grid is interrupted, run it again to continue.
#   benchmarks/attention.sh GRID [FOLDER] [OPTION OF compare ...]
# GRID: dates, g2p-fre, g2p-kor, captions; copy, reverse, date-sentences.
# FOLDER: the folder of the runs (default: runs). Public data is read from the folder in the variable
# DATA (default: data), where `keras-attention data` puts it.
set -euo pipefail

grid=${1:?which grid? see the head of this file}
shift
runs=runs
if [ $# -gt 0 ] && [[ $1 != -* ]]; then
  runs=$1
  shift
fi
data=${DATA:-data}
options=("$@")

variants=()
also() { variants+=(--also "$1"); }
in_every_place() { # NAME SETTINGS
  also "name=$1 before,$2"
  also "name=$1 after,$2,placement=after"
  also "name=$1 fed,$2,placement=after,input_feeding=true"
}

every_mechanism() {
  in_every_place bahdanau attention=bahdanau
  for score in general dot concat location; do
    in_every_place "luong $score" "attention=luong,score=$score"
  done
  for attention in local-m local-p location-aware coverage monotonic chunkwise multi-head \
    external-memory peeky; do
    in_every_place "$attention" "attention=$attention"
  done
  also "name=bahdanau sparsemax,mapping=sparsemax"
  also "name=bahdanau entmax15,mapping=entmax15"
  also "name=bahdanau copying,copying=true"
  also "name=bahdanau coverage loss,coverage_loss=1"
  also "name=gnmt,attention=bahdanau,encoder=gnmt,decoder=gnmt,encoder_layers=3,decoder_layers=3"
  transformer
  also "name=fixed vector,attention=none"
}

transformer() {
  also "name=transformer,attention=multi-head,encoder=transformer,decoder=transformer,\
encoder_layers=2,decoder_layers=2,deep_output=false,tie_embeddings=none,learning_rate=0.002,warmup=100"
}

beyond_training() {
  also "name=fixed vector,attention=none"
  also "name=bahdanau,attention=bahdanau,placement=before"
  also "name=luong,attention=luong,placement=after"
  for attention in local-m local-p monotonic location-aware; do
    also "name=$attention,attention=$attention,placement=before"
  done
  transformer
}

compare() { # RECIPE SETTINGS ...
  local recipe=$1 settings=() setting
  shift
  for setting; do settings+=(--set "$setting"); done
  mkdir -p "$runs/$grid"
  [ -e "$runs/$grid/commit" ] || git -C "$(dirname "$0")" rev-parse --short HEAD > "$runs/$grid/commit"
  keras-attention compare "$recipe" "${settings[@]}" "${variants[@]}" \
    --output "$runs/$grid" --jobs 2 "${options[@]}"
}

case $grid in
  dates)
    every_mechanism
    also "name=bahdanau guided,guided_alignment=1"
    compare dates size=11000 held_out=1000 embedding=32 units=64 batch_size=64 \
      epochs=6 schedule=cosine
    ;;
  g2p-*) # validated once, behind the last of all steps
    every_mechanism
    compare g2p "folder=$data/g2p" "language=${grid#g2p-}" embedding=64 units=128 \
      attention_units=64 dropout=0.2 layer_norm=false epochs=9 validate_every=513
    ;;
  captions) # those of up to 10 words, lower-cased; validated once, on longer ones too
    every_mechanism
    options=(--lengths 10,20,40 "${options[@]}")
    compare multi30k-en-fr "folder=$data/multi30k" \
      "path=tok/train.lc.norm.tok.{language}" \
      "target_path=tok/train.lc.norm.tok.{target_language}" \
      "validation_path=tok/val.lc.norm.tok.{language}" \
      "validation_target_path=tok/val.lc.norm.tok.{target_language}" \
      source_tokenizer=word source_vocabulary_size=0 min_count=2 target_vocabulary_size=1000 \
      source_subword_dropout=0 max_source_length=11 embedding=128 units=128 layer_norm=false \
      embedding_dropout=0.1 memory_dropout=0.1 output_dropout=0.1 label_smoothing=0 ema=0 \
      learning_rate=0.004 warmup=50 epochs=3 validate_every=783
    ;;
  copy | reverse | date-sentences)
    beyond_training
    options=(--lengths 10,20,40 "${options[@]}")
    compare "$grid" size=10000 epochs=6 schedule=cosine
    ;;
  *)
    echo "$grid: no grid of these; the head of $0 lists them." >&2
    exit 2
    ;;
esac
