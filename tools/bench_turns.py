"""Runs `dreambooth bench` and diffusers in turns and prints a table for docs/benchmarks.md.

    .goldens-venv/bin/python tools/bench_turns.py --binary target/release/dreambooth --turns 2
    ... --precision fp32 bf16 --optimizer adamw adamw8bit --checkpointing off on --log turns.jsonl
    ... --device cuda --resolution 512 --precision bf16 --compiled

For every combination of the named precisions, optimizers and checkpointings, each turn runs ours, the peer with the same
settings, and the peer in its default environment (see bench_peer.py), one after the other, so that a machine that grows slower
does so for all; with `--compiled` also the peer with the same settings under torch.compile.

The same settings are the variables that the product gives itself, and what is asked for here: `--threads` (OMP_NUM_THREADS) and
`--preload` (LD_PRELOAD: an allocator) go to ours and to the peer, never to one of them. CPU seconds of the whole command are the
system's own count, taken in one way for all; the rest is what each command says of itself. At full size a run takes 15 GB of
memory: nothing else should be at work. The ratios are the peer's figure over ours: above 1, ours is faster or smaller. Only
`same` compares programs; `default` compares what users get.
"""

import argparse
import itertools
import json
import os
import statistics
import subprocess
import sys
from pathlib import Path

from bench_peer import PRODUCTS_ENVIRONMENT, is_tuning

PEER = Path(__file__).with_name("bench_peer.py")
FEATURES = ("avx2", "avx512f", "avx512_bf16", "amx_bf16")


def parse():
    parser = argparse.ArgumentParser()
    parser.add_argument("--binary", default="target/release/dreambooth")
    parser.add_argument("--model", default="random:sd15")
    parser.add_argument("--unet", default="sd15", help="the peer's; small goes with --model random:mini to try the command")
    parser.add_argument("--device", choices=["cpu", "cuda"], default="cpu")
    parser.add_argument("--precision", nargs="+", choices=["fp32", "bf16"], default=["fp32"])
    parser.add_argument("--optimizer", nargs="+", choices=["adamw", "adamw8bit"], default=["adamw"])
    parser.add_argument("--checkpointing", nargs="+", choices=["off", "on"], default=["off"])
    parser.add_argument("--compiled", action="store_true", help="the peer under torch.compile as well")
    parser.add_argument("--threads", type=int, help="for ours and for the peer with the same settings")
    parser.add_argument("--preload", help="an allocator's library, likewise")
    parser.add_argument("--resolution", type=int, default=256)
    parser.add_argument("--batch", type=int, default=1)
    parser.add_argument("--steps", type=int, default=4)
    parser.add_argument("--turns", type=int, default=2)
    parser.add_argument("--log", help="a file that gets a JSON line for each run")
    options = parser.parse_args()
    # The loader only warns of a library it cannot find, and the peer would then run without.
    if options.preload and not Path(options.preload).is_file():
        parser.error(f"--preload {options.preload}: there is no such file")
    return options


def command(side, variant, options):
    precision, optimizer, checkpointing = variant
    work = ["--precision", precision, "--device", options.device, "--resolution", str(options.resolution)]
    work += ["--batch", str(options.batch), "--steps", str(options.steps)]
    work += ["--8-bit-adam"] if optimizer == "adamw8bit" else []
    work += ["--checkpointing"] if checkpointing == "on" else []
    if side == "ours":
        return [options.binary, "bench", "--model", options.model, *work, "--json"]
    environment = "default" if side == "default" else "same"
    compiled = ["--compile"] if side == "compiled" else []
    return [sys.executable, str(PEER), "--environment", environment, "--unet", options.unet, *compiled, *work]


def environment_of(side, options):
    """This shell's own tuning is taken away: it would hide what the commands set themselves."""
    environment = {name: value for name, value in os.environ.items() if not is_tuning(name)}
    if side != "default":
        # Given to both in one way, not left to the commands.
        environment |= PRODUCTS_ENVIRONMENT
        environment |= {"OMP_NUM_THREADS": str(options.threads)} if options.threads else {}
        environment |= {"LD_PRELOAD": str(Path(options.preload).resolve())} if options.preload else {}
    return environment


def speed(figures, part):
    return figures[part].get("speed", figures[part])


def run(side, variant, options):
    argv = command(side, variant, options)
    child = subprocess.Popen(argv, stdout=subprocess.PIPE, text=True, env=environment_of(side, options))
    output = child.stdout.read()
    _, status, usage = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode != 0:
        sys.exit(f"{' '.join(argv)} ended with {child.returncode}")
    figures = json.loads(output)
    expected = dict.fromkeys(PRODUCTS_ENVIRONMENT) if side == "default" else PRODUCTS_ENVIRONMENT
    if figures["environment"] != expected:
        sys.exit(f"{side} ran with {figures['environment']} instead of {expected}; the settings would not be the same")
    memory = figures["train"]["memory"]
    shown = {
        "training step, s": speed(figures, "train")["median_step_s"],
        "training step, CPU s": speed(figures, "train")["median_step_cpu_s"],
        "sampling step, s": speed(figures, "sample")["median_step_s"],
        "sampling step, CPU s": speed(figures, "sample")["median_step_cpu_s"],
        "whole command, CPU s": usage.ru_utime + usage.ru_stime,
        "peak of the training, GB": memory["peak_rss_bytes"] / 1e9,
    }
    if memory.get("peak_device_bytes"):
        shown["peak of the training on the device, GB"] = memory["peak_device_bytes"] / 1e9
    return shown, figures


def processor():
    """The processor's name and those of its instruction sets that decide about speed here."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return "unknown processor"
    entries = dict(map(str.strip, line.split(":", 1)) for line in lines if ":" in line)
    flags = entries.get("flags", "").split()
    return f"{entries.get('model name', 'unknown processor')} ({' '.join(name for name in FEATURES if name in flags)})"


HEADS = {
    "same": "diffusers, same settings",
    "compiled": "diffusers, same settings, compiled",
    "default": "diffusers, its defaults",
}


def print_table(variant, runs):
    precision, optimizer, checkpointing = variant
    peers = [side for side in HEADS if side in runs]
    print(f"\n{precision}, {optimizer}, checkpointing {checkpointing}:\n")
    print("| | ours | " + " | ".join(f"{HEADS[side]} | ratio" for side in peers) + " |")
    print("|---|--:" + "|--:|--:" * len(peers) + "|")
    for row in runs["ours"][0]:
        median = {side: statistics.median(turn[row] for turn in turns if row in turn) for side, turns in runs.items()}
        cells = " | ".join(f"{median[side]:.3g} | {median[side] / median['ours']:.2f}" for side in peers)
        print(f"| {row} | {median['ours']:.3g} | {cells} |")


def measure(variant, sides, options):
    runs, machine = {side: [] for side in sides}, set()
    for turn in range(1, options.turns + 1):
        for side in sides:
            shown, figures = run(side, variant, options)
            runs[side].append(shown)
            machine.add((figures["device"], figures["capability"]))
            names = dict(zip(("precision", "optimizer", "checkpointing"), variant))
            line = {"turn": turn, "side": side, **names, "table": shown, "figures": figures}
            if options.log:
                with open(options.log, "a") as log:
                    log.write(json.dumps(line) + "\n")
            text = ", ".join(f"{name} {value:.3g}" for name, value in shown.items())
            print(f"{' '.join(variant)}, turn {turn}, {side}: {text}", file=sys.stderr)
    return runs, machine


def main():
    options = parse()
    sides = ["ours", "same", *(["compiled"] if options.compiled else []), "default"]
    print(f"{processor()}, {os.cpu_count()} cores; {options.resolution} pixels, batch {options.batch}, {options.device};")
    print(f"medians of {options.turns} turns; threads {options.threads or 'as torch chooses'}, preload {options.preload or 'none'}.")
    for variant in itertools.product(options.precision, options.optimizer, options.checkpointing):
        runs, machine = measure(variant, sides, options)
        print_table(variant, runs)
        print(f"\nKernels: {', '.join(sorted(' '.join(dict.fromkeys(part)) for part in machine))}.", flush=True)


if __name__ == "__main__":
    main()
