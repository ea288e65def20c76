"""Records every golden fixture of the workspace. `python record.py [part ...]` records only the named parts."""

import os
import sys

# No hub is asked for anything: every configuration and every weight is made here.
os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["TRANSFORMERS_OFFLINE"] = "1"

import bf16
import brownian
import ema
import engine
import faithful
import fixtures
import gradients
import lora
import lora_files
import models
import networks
import objectives
import samplers
import schedule
import schedules
import streams
import taesd
import tokens
import vision
import walks
import weights

PARTS = {
    "tokens": tokens.record,
    "models": models.save_folders,
    "networks": networks.record,
    "schedule": schedule.record,
    "gradients": gradients.record,
    "taesd": taesd.record,
    "weights": weights.record,
    "lora_files": lora_files.record,
    "engine": engine.record,
    "schedules": schedules.record,
    "walks": walks.record,
    "brownian": brownian.record,
    "samplers": samplers.record_pipeline,
    # From the noise and the prompts of the part before.
    "guided_walks": samplers.record_guided_walks,
    "streams": streams.record,
    "faithful": faithful.record,
    "objectives": objectives.record,
    "lora": lora.record,
    "ema": ema.record,
    "bf16": bf16.record,
    "vision": vision.record,
}


def main():
    fixtures.deterministic()
    names = sys.argv[1:] or list(PARTS)
    for name in names:
        if name not in PARTS:
            sys.exit(f"there is no part {name!r}; the parts are {', '.join(PARTS)}")
        PARTS[name]()


if __name__ == "__main__":
    main()
