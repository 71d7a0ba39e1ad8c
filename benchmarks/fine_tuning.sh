#!/usr/bin/env bash
# Runs the experiments of fine-tuning.md.
#   benchmarks/fine_tuning.sh dates     # a new format for the dates model: ten minutes on an idle core
#   benchmarks/fine_tuning.sh french    # French from a Korean model: half an hour
# It works in the folder `runs/fine-tuning`. `french` reads the data that `keras-attention data g2p --fetch`
# writes, from the folder in the variable DATA (default: data).
set -euo pipefail

task=${1:?which task? see the head of this file}
data=$(realpath "${DATA:-data}")
mkdir -p runs/fine-tuning
cd runs/fine-tuning

fine_tune() { # NAME RECIPE OPTION ...
  local name=$1 recipe=$2
  shift 2
  keras-attention train "$recipe" --output "$name" --overwrite "$@"
}

settings() { # SETTING ...: print them as options
  printf -- '--set\n%s\n' "$@"
}

# Write pairs of dates such as 27.9.94: the days 0 to 199 of a seeded shuffle are for training, 200 to 699
# for validation, and 700 to 1,699 for the test.
write_dates() {
  python - << 'END'
import random
from datetime import date, timedelta

days = [date(1970, 1, 1) + timedelta(day) for day in range(17532)]
random.Random(1).shuffle(days)
for name, part in {"train": days[:200], "dev": days[200:700], "test": days[700:1700]}.items():
    with open(f"new_{name}.tsv", "w") as file:
        for day in part:
            file.write(f"{day.day}.{day.month}.{day.year % 100:02d}\t{day}\n")
END
}

case $task in
  dates)
    write_dates
    [ -e dates/model.keras ] || keras-attention train dates --output dates
    mapfile -t new < <(settings format=tsv path=new_train.tsv validation_path=new_dev.tsv \
      batch_size=32 epochs=40 validate_every=70)
    fine_tune scratch dates "${new[@]}"
    for replay in 0 0.5 0.9; do
      fine_tune "replay-$replay" dates --from dates "${new[@]}" \
        --set learning_rate=0.001 --set replay=$replay
    done
    for name in dates scratch replay-0 replay-0.5 replay-0.9; do
      keras-attention evaluate "$name" --data new_test.tsv --metrics exact_match --errors 2
      keras-attention evaluate "$name" --held-out-of dates --metrics exact_match --errors 2
    done
    ;;
  french)
    awk 'NR % 18 == 0' "$data/g2p/fre_train.tsv" > fre_200.tsv
    awk 'NR % 18 < 5' "$data/g2p/fre_train.tsv" > fre_1000.tsv
    [ -e kor/model.keras ] ||
      keras-attention train g2p --set "folder=$data/g2p" --set language=kor --output kor
    for size in 200 1000; do
      mapfile -t new < <(settings folder= "path=fre_$size.tsv" \
        "validation_path=$data/g2p/fre_dev.tsv" "epochs=$((size == 200 ? 100 : 40))" \
        warmup=50 validate_every=80)
      fine_tune "scratch-$size" g2p "${new[@]}"
      fine_tune "kor-$size" g2p --from kor "${new[@]}"
    done
    fine_tune kor-1000-replay g2p --from kor "${new[@]}" --set replay=0.5
    for name in scratch-200 kor-200 scratch-1000 kor-1000 kor-1000-replay; do
      keras-attention evaluate "$name" --data "$data/g2p/fre_test.tsv" --metrics g2p_wer,per
      keras-attention evaluate "$name" --held-out-of kor --metrics g2p_wer
    done
    ;;
  *)
    echo "$task: expected dates or french." >&2
    exit 2
    ;;
esac
