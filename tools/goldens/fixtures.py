"""Where the fixtures lie, and how they are written: deterministic bytes, with the versions that made them."""

import contextlib
import json
from pathlib import Path

import diffusers
import numpy
import torch
import transformers
from safetensors.torch import save_file

ROOT = Path(__file__).resolve().parents[2]
MODEL = ROOT / "crates/model/tests/goldens"
ENGINE = ROOT / "crates/engine/tests/goldens"
TRAINING = ROOT / "crates/training/tests/goldens"
TXT2IMG = ROOT / "crates/txt2img/tests/goldens"

VERSIONS = {
    "torch": torch.__version__,
    "diffusers": diffusers.__version__,
    "transformers": transformers.__version__,
    "numpy": numpy.__version__,
}


def deterministic():
    """One thread and deterministic kernels: the same machine writes the same bytes every time."""
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)


@contextlib.contextmanager
def float64():
    """New tensors are of float64, also those that libraries make."""
    torch.set_default_dtype(torch.float64)
    try:
        yield
    finally:
        torch.set_default_dtype(torch.float32)


def generator(seed):
    return torch.Generator().manual_seed(seed)


def randn(shape, seed):
    return torch.randn(shape, generator=generator(seed))


def save_tensors(path, tensors, **notes):
    """Writes a safetensors file; `notes` join the library versions in its metadata."""
    path.parent.mkdir(parents=True, exist_ok=True)
    metadata = VERSIONS | {name: str(note) for name, note in notes.items()}
    # Clones, because safetensors refuses tensors that share memory.
    tensors = {name: tensor.detach().clone().contiguous() for name, tensor in tensors.items()}
    # One metadata entry: with several, the writer's hash map orders them differently on each run.
    save_file(tensors, path, {"about": json.dumps(metadata, sort_keys=True)})
    print(f"{path.relative_to(ROOT)}: {len(tensors)} tensors, {path.stat().st_size} bytes")


def dumps(value):
    """One case a line: a changed case is one changed line."""
    head = {name: part for name, part in value.items() if name != "cases"}
    lines = ",\n".join(json.dumps(case, sort_keys=True) for case in value["cases"])
    return f'{json.dumps(head, sort_keys=True)[:-1]}, "cases": [\n{lines}\n]}}'


def save_json(path, value):
    """Writes `{..., "cases": [...]}` in ASCII, so that odd characters are seen as escapes."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(dumps(value) + "\n")
    print(f"{path.relative_to(ROOT)}: {path.stat().st_size} bytes")
