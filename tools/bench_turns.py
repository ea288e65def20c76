"""Runs `dreambooth bench` and diffusers in turns and prints a table for docs/benchmarks.md.

    .goldens-venv/bin/python tools/bench_turns.py --binary target/release/dreambooth --turns 3

Each turn runs ours, the peer with the same environment, and the peer in its default one (see bench_peer.py), one after the
other, so that a machine that grows slower does so for all three. CPU seconds of the whole command are the system's own
count, taken in one way for all; the rest is what each command says of itself. At full size a run takes 15 GB of memory: nothing else
should be at work. The ratios are the peer's figure over ours: above 1, ours is faster. Only `same` compares programs; `default` compares
what users get.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
from pathlib import Path

from bench_peer import PRODUCTS_ENVIRONMENT

PEER = Path(__file__).with_name("bench_peer.py")
SIDES = ["ours", "same", "default"]


def parse():
    parser = argparse.ArgumentParser()
    parser.add_argument("--binary", default="target/release/dreambooth")
    parser.add_argument("--model", default="random:sd15")
    parser.add_argument("--unet", default="sd15", help="the peer's; small goes with --model random:mini to try the command")
    parser.add_argument("--resolution", type=int, default=256)
    parser.add_argument("--steps", type=int, default=4)
    parser.add_argument("--turns", type=int, default=2)
    return parser.parse_args()


def command(side, options):
    size = ["--resolution", str(options.resolution), "--steps", str(options.steps)]
    if side == "ours":
        return [options.binary, "bench", "--model", options.model, "--device", "cpu", "--precision", "fp32", *size, "--json"]
    return [sys.executable, str(PEER), "--environment", side, "--unet", options.unet, *size]


def run(side, options):
    # The command sets the variables itself; this shell's own would hide that.
    environment = {name: value for name, value in os.environ.items() if name not in PRODUCTS_ENVIRONMENT}
    child = subprocess.Popen(command(side, options), stdout=subprocess.PIPE, text=True, env=environment)
    output = child.stdout.read()
    _, status, usage = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode != 0:
        sys.exit(f"{' '.join(command(side, options))} ended with {child.returncode}")
    figures = json.loads(output)
    expected = dict.fromkeys(PRODUCTS_ENVIRONMENT) if side == "default" else PRODUCTS_ENVIRONMENT
    if figures["environment"] != expected:
        sys.exit(f"{side} ran with {figures['environment']} instead of {expected}; the settings would not be the same")
    return {
        "training step, s": figures["train"].get("speed", figures["train"])["median_step_s"],
        "training step, CPU s": figures["train"].get("speed", figures["train"])["median_step_cpu_s"],
        "sampling step, s": figures["sample"].get("speed", figures["sample"])["median_step_s"],
        "sampling step, CPU s": figures["sample"].get("speed", figures["sample"])["median_step_cpu_s"],
        "whole command, CPU s": usage.ru_utime + usage.ru_stime,
        "peak of the training, GB": figures.get("peak_rss_bytes", figures["train"].get("memory", {}).get("peak_rss_bytes")) / 1e9,
    }, figures["capability"]


def print_table(runs):
    print("| | ours | diffusers, same settings | ratio | diffusers, its defaults | ratio |")
    print("|---|--:|--:|--:|--:|--:|")
    for row in runs["ours"][0]:
        ours, same, default = (statistics.median(turn[row] for turn in runs[side]) for side in SIDES)
        print(f"| {row} | {ours:.3g} | {same:.3g} | {same / ours:.2f} | {default:.3g} | {default / ours:.2f} |")


def main():
    options = parse()
    runs, capabilities = {side: [] for side in SIDES}, set()
    for turn in range(1, options.turns + 1):
        for side in SIDES:
            figures, capability = run(side, options)
            runs[side].append(figures)
            capabilities.add(capability)
            shown = ", ".join(f"{name} {value:.3g}" for name, value in figures.items())
            print(f"turn {turn}, {side} ({capability}): {shown}", file=sys.stderr)
    print(f"Medians of {options.turns} turns; {os.cpu_count()} cores, capability {', '.join(sorted(capabilities))}.\n")
    print_table(runs)


if __name__ == "__main__":
    main()
