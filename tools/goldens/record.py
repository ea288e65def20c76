"""Records every golden fixture of the workspace. `python record.py [part ...]` records only the named parts."""

import os
import sys

# No hub is asked for anything: every configuration and every weight is made here.
os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["TRANSFORMERS_OFFLINE"] = "1"

import fixtures
import models
import networks
import schedule
import tokens

PARTS = {
    "tokens": tokens.record,
    "models": models.save_folders,
    "networks": networks.record,
    "schedule": schedule.record,
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
