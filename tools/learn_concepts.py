"""Trains a base model on each concept of a folder and prints how far each was learnt, as a table for docs/training.md.

    tools/learn_concepts.py --model MODEL --concepts ../shared/data/concepts --out table.md
    ... --binary target/release/dreambooth --set unet_epochs=200 unet_learning_rate=1e-4 class_prompt=... num_class_images=8

Every subfolder of `--concepts` is one concept. One of its photos is held out; the figures are the mean denoising loss on it,
before and after, over the same noise and timesteps (`learnt` in `train.json`). A field of `input.train` follows as NAME=JSON;
`{noun}` in a value stands for what the concept is one of. Nothing but Python's own library is needed.
"""

import argparse
import json
import os
import subprocess
import tempfile
import time
from pathlib import Path

# What the subjects of the DreamBooth data set are, by the names of their folders.
NOUNS = {"cat2": "cat", "dog6": "dog", "red_cartoon": "cartoon character"}


def parse():
    parser = argparse.ArgumentParser()
    parser.add_argument("--binary", default="target/release/dreambooth")
    parser.add_argument("--model", required=True, help="in any form that `dreambooth train` takes")
    parser.add_argument("--concepts", type=Path, required=True)
    parser.add_argument("--out", type=Path, help="gets the table, too")
    parser.add_argument("--set", nargs="*", default=[], metavar="NAME=JSON", help="fields of input.train")
    return parser.parse_args()


def settings(noun, assignments):
    fields = {"concept_name": f"a photo of sks {noun}", "held_out_images": 1}
    for assignment in assignments:
        name, value = assignment.split("=", 1)
        value = value.replace("{noun}", noun)
        try:
            fields[name] = json.loads(value)
        except json.JSONDecodeError:
            fields[name] = value
    return fields


def train(arguments, photos):
    noun = NOUNS.get(photos.name, photos.name)
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        params = folder / "params.json"
        params.write_text(json.dumps(settings(noun, arguments.set)))
        command = [arguments.binary, "train", "--model", arguments.model, "--data", photos, "--params", params]
        environment = os.environ | {"DREAMBOOTH_CACHE": os.environ.get("DREAMBOOTH_CACHE", str(folder / "cache"))}
        began = time.monotonic()
        subprocess.run([*map(str, command), "--out", str(folder / "out")], check=True, env=environment, stderr=subprocess.DEVNULL)
        return json.loads((folder / "out" / "train.json").read_text()), time.monotonic() - began


def change(figures):
    return f"{100 * (figures['after'] / figures['before'] - 1):+.1f} %"


def row(name, report, seconds):
    learnt = report["learnt"]
    concept, of_class = learnt["concept"], learnt.get("class")
    cells = [name, str(len(report["images"])), f"{concept['before']:.4f}", f"{concept['after']:.4f}", change(concept)]
    cells += [f"{of_class['before']:.4f}", f"{of_class['after']:.4f}", change(of_class)] if of_class else ["", "", ""]
    return "| " + " | ".join([*cells, f"{seconds:.0f}"]) + " |"


def main():
    arguments = parse()
    lines = [
        f"Base model: `{Path(arguments.model).name}`; fields: `{' '.join(arguments.set) or 'the defaults'}`.",
        "",
        "| concept | photos | held out: before | after | change | class: before | after | change | seconds |",
        "|---|--:|--:|--:|--:|--:|--:|--:|--:|",
    ]
    print("\n".join(lines), flush=True)
    for photos in sorted(path for path in arguments.concepts.iterdir() if path.is_dir()):
        lines.append(row(photos.name, *train(arguments, photos)))
        print(lines[-1], flush=True)
    if arguments.out:
        arguments.out.write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
