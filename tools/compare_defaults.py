"""Trains the miniature on the toy world's doll, each time with one default changed, and prints what became of it, as a table for
docs/training.md.

    cargo xtask demo                                   # leaves the doll's photos, with captions, in demo-out/concept.zip
    cargo build --release -p dreambooth -p pretraining
    tools/compare_defaults.py --photos demo-out/concept.zip --out table.md

Every variant is trained with the same photos, seeds and number of steps; `pretraining concept` then draws ten prompts from
`--seeds` seeds with it and measures losses on renderings that no training has seen. Nothing but Python's own library is needed.
"""

import argparse
import json
import subprocess
import tempfile
import time
from pathlib import Path

# What all variants have in common: two photos a step, about as many steps as the demo's, a class to be kept.
COMMON = {
    "concept_name": "photo of a daiton woman",
    "unet_batch_size": 2,
    "unet_epochs": 80,
    "class_prompt": "photo of a woman",
    "num_class_images": 24,
}

# What each variant changes of the recommended profile.
VARIANTS = {
    "recommended": {},
    "`text_training` `joint`": {"text_training": "joint"},
    "`text_training` `joint_keep`": {"text_training": "joint_keep"},
    "`text_steps` 0": {"text_steps": 0},
    "`caption_padding` `longest`": {"caption_padding": "longest"},
    "`caption_files` false": {"caption_files": False},
    "`frozen_batches` true": {"frozen_batches": True},
    "`profile` `faithful`": {"profile": "faithful"},
    "8-bit Adam, blocks of 256": {"text_8_bit_adam": True, "unet_8_bit_adam": True},
    "8-bit Adam, blocks of 2048": {"text_8_bit_adam": True, "unet_8_bit_adam": True, "adam_8_bit_block_size": 2048},
    "no class": {"class_prompt": None, "num_class_images": 0},
    "`min_snr_gamma` 5": {"min_snr_gamma": 5},
    "`ema_decay` 0.99": {"ema_decay": 0.99},
}


def parse():
    parser = argparse.ArgumentParser()
    parser.add_argument("--binary", default="target/release/dreambooth")
    parser.add_argument("--pretraining", default="target/release/pretraining")
    parser.add_argument("--model", default="mini")
    parser.add_argument("--photos", type=Path, required=True)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--only", nargs="*", default=list(VARIANTS), help="names of variants")
    parser.add_argument("--out", type=Path, help="gets the table, too")
    return parser.parse_args()


def train(arguments, folder, changes):
    folder.mkdir()
    params = folder / "params.json"
    params.write_text(json.dumps({k: v for k, v in (COMMON | changes).items() if v is not None}))
    command = [arguments.binary, "train", "--model", arguments.model, "--data", arguments.photos, "--params", params]
    began = time.monotonic()
    command = [*map(str, command), "--out", str(folder / "out"), "--device", "cpu"]
    subprocess.run(command, check=True, stderr=subprocess.DEVNULL)
    return folder / "out/model.safetensors", time.monotonic() - began


def measure(arguments, trained):
    command = [arguments.pretraining, "concept", "--model", arguments.model, "--seeds", str(arguments.seeds)]
    for model in trained:
        command += ["--trained", str(model)]
    answer = subprocess.run(command, check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    return json.loads(answer.stdout)


def row(name, figures, seconds):
    likeness, losses = figures["likeness"], figures["losses"]
    cells = [name, f"{likeness['she']} of {likeness['pictures']}", f"{likeness['to_her']:.3f}"]
    cells += [f"{losses[of]:.4f}" for of in ("daiton", "other_women", "others")]
    return "| " + " | ".join([*cells, f"{seconds:.0f}" if seconds else ""]) + " |"


def main():
    arguments = parse()
    with tempfile.TemporaryDirectory() as folder:
        trained = {}
        for index, name in enumerate(arguments.only):
            trained[name] = train(arguments, Path(folder) / str(index), VARIANTS[name])
            print(f"{name}: {trained[name][1]:.0f} s", flush=True)
        figures = measure(arguments, [model for model, _ in trained.values()])
    lines = [
        "| | she | likeness | loss: daiton | other women | others | seconds |",
        "|---|--:|--:|--:|--:|--:|--:|",
        row("before", figures[arguments.model], None),
        *(row(name, figures[str(model)], seconds) for name, (model, seconds) in trained.items()),
    ]
    print("\n".join(lines))
    if arguments.out:
        arguments.out.write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
