#!/bin/sh
# Checks a machine with a GPU: computes there what the tests compute on the CPU and compares, then measures training.
#
#   cargo build --release -p dreambooth && cargo build --release -p training --example check_device
#   tools/check_gpu.sh PYTHON [BINARIES] [DEVICE] > gpu.jsonl
#
# PYTHON has torch 2.11.0 for CUDA 13 (torch==2.11.0+cu130): its libraries are used. BINARIES is target/release, where the two programs are;
# they may come from another machine. DEVICE is cuda:0; cpu tries the checks out without a GPU. RESOLUTION, STEPS and MODEL
# in the environment change the measurement. Prints JSON lines; ends with 1 when a check or a measurement failed.
set -u

python=${1:?usage: tools/check_gpu.sh PYTHON [BINARIES] [DEVICE]}
root=$(cd "$(dirname "$0")/.." && pwd)
binaries=${2:-$root/target/release}
device=${3:-cuda:0}
resolution=${RESOLUTION:-512}
steps=${STEPS:-10}
model=${MODEL:-random:sd15}

site=$("$python" -c 'import pathlib, torch; print(pathlib.Path(torch.__file__).parent.parent)') || exit 1
LD_LIBRARY_PATH=$site/torch/lib${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}
for folder in "$site"/nvidia/*/lib; do
    if [ -d "$folder" ]; then LD_LIBRARY_PATH=$LD_LIBRARY_PATH:$folder; fi
done
export LD_LIBRARY_PATH
# As the product sets it for its own processes.
export OMP_WAIT_POLICY=passive

failed=0
if command -v nvidia-smi > /dev/null; then
    nvidia-smi --query-gpu=index,name,driver_version,memory.total --format=csv,noheader |
        sed 's/\([^,]*\), \([^,]*\), \([^,]*\), \(.*\)/{"gpu": \1, "name": "\2", "driver": "\3", "memory": "\4"}/'
fi
"$binaries/examples/check_device" "$device" "$root/crates" || failed=1

# What is given goes to bench.
measure() {
    "$binaries/dreambooth" bench --model "$model" --resolution "$resolution" --steps "$steps" --device "$device" --json "$@" || {
        echo "{\"failed\": \"bench $*\"}"
        failed=1
    }
}

for precision in fp32 bf16; do
    for optimizer in "" --8-bit-adam; do
        for checkpointing in "" --checkpointing; do
            # Unquoted, so that an absent flag is no argument. Sampling is the same for all but the precision.
            sampling=--no-sampling
            if [ -z "$optimizer$checkpointing" ]; then sampling=; fi
            # shellcheck disable=SC2086
            measure --precision "$precision" $optimizer $checkpointing $sampling
        done
    done
done
exit $failed
