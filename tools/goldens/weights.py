"""The same weights in every file format that users bring, and files that must be refused."""

import os
import pickle
import sys
import types
from collections import OrderedDict

import numpy
import torch
from diffusers import AutoencoderKL, UNet2DConditionModel

from fixtures import MODEL, VERSIONS, save_json, save_tensors
from models import TINY, tiny_text_encoder, tiny_unet, tiny_vae
from original_names import old_vae_name, text_name, unet_name, vae_name, vae_weight

FOLDER = MODEL / "weights"


def text_state():
    """The text encoder as older transformers wrote it: with the buffer of positions."""
    state = OrderedDict(tiny_text_encoder().state_dict())
    state["text_model.embeddings.position_ids"] = torch.arange(77).unsqueeze(0)
    return state


def original_state():
    """The whole tiny model under the original names, float16 (positions int64): UNet, text encoder, VAE."""
    state, parts = OrderedDict(), {}
    for name, weight in tiny_unet().state_dict().items():
        state[unet_name(name)] = weight.half()
        parts[unet_name(name)] = f"unet/{name}"
    for name, weight in text_state().items():
        state[text_name(name)] = weight.half() if weight.is_floating_point() else weight
        parts[text_name(name)] = f"text_encoder/{name}"
    for name, weight in tiny_vae().state_dict().items():
        state[vae_name(name)] = vae_weight(name, weight).half()
        parts[vae_name(name)] = f"vae/{name}"
    return state, parts


def description(file, state):
    tensors = {
        name: {
            "shape": list(weight.shape),
            "dtype": str(weight.dtype).removeprefix("torch."),
            "sum": weight.double().sum().item(),
        }
        for name, weight in state.items()
    }
    return {"file": file, "tensors": tensors}


def save_legacy(state, path):
    """Torch's format before 1.6: it names storages by their addresses, so an equal file is left as it is."""
    if path.exists():
        old = torch.load(path, weights_only=True)
        if list(old) == list(state) and all(torch.equal(old[name], state[name]) for name in state):
            return
    torch.save(state, path, _use_new_zipfile_serialization=False)


def check_with_diffusers(path):
    """Diffusers' own single-file reader must find the weights that went in: this proves the name map."""
    for kind, folder, original in (
        (UNet2DConditionModel, "unet", tiny_unet()),
        (AutoencoderKL, "vae", tiny_vae()),
    ):
        read = kind.from_single_file(str(path), config=str(TINY), subfolder=folder, local_files_only=True)
        expected = original.state_dict()
        assert read.state_dict().keys() == expected.keys()
        for name, weight in read.state_dict().items():
            assert torch.equal(weight.float(), expected[name]), (folder, name)


class Reduced:
    """Pickles as a call of `function(*arguments)`: what a hostile file does."""

    def __init__(self, function, *arguments):
        self.call = (function, arguments)

    def __reduce__(self):
        return self.call


def save_hostile():
    command = Reduced(os.system, "touch a-pickle-was-executed")
    torch.save({"state_dict": {"weight": torch.ones(2), "surprise": command}}, FOLDER / "hostile.ckpt")
    evaluation = Reduced(eval, "open('a-pickle-was-executed', 'w')")
    torch.save({"state_dict": {"weight": torch.ones(2)}, "callbacks": evaluation}, FOLDER / "hostile_beside.ckpt")
    (FOLDER / "hostile_plain.ckpt").write_bytes(pickle.dumps(command, protocol=2))


def training_framework():
    """A stand-in for the class whose name real training checkpoints carry."""
    module = types.ModuleType("pytorch_lightning.callbacks.model_checkpoint")
    checkpoint = type("ModelCheckpoint", (), {"__module__": module.__name__})
    module.ModelCheckpoint = checkpoint
    for name in ("pytorch_lightning", "pytorch_lightning.callbacks"):
        sys.modules[name] = types.ModuleType(name)
    sys.modules[module.__name__] = module
    return checkpoint


def training_state():
    weights = tiny_text_encoder().state_dict()
    names = [
        "text_model.final_layer_norm.weight",
        "text_model.final_layer_norm.bias",
        "text_model.encoder.layers.0.mlp.fc1.weight",
    ]
    state = OrderedDict((text_name(name), weights[name]) for name in names)
    state["alphas_cumprod"] = torch.linspace(1, 0, 10, dtype=torch.float64)
    # A view: a storage larger than the tensor, an offset and strides.
    base = torch.arange(24, dtype=torch.float32)
    state["view"] = base.view(4, 6)[1:3, ::2]
    state["transposed"] = base.view(4, 6).t()
    state["parameter"] = torch.nn.Parameter(torch.arange(3, dtype=torch.float32))
    state["bfloat16"] = torch.arange(4).bfloat16()
    state["scalar"] = torch.tensor(7)
    state["empty"] = torch.zeros(0, 3)
    return state


def save_training_checkpoint():
    """What a training framework writes: the weights, and around them objects of many classes."""
    checkpoint = training_framework()
    state = training_state()
    scalar = numpy._core.multiarray.scalar
    # The name that numpy 1 wrote, which is what the published files hold.
    scalar.__module__ = "numpy.core.multiarray"
    torch.save(
        {
            "epoch": 3,
            "global_step": 470000,
            "pytorch-lightning_version": "1.4.2",
            "state_dict": state,
            "callbacks": {checkpoint: {"best_model_score": numpy.float32(0.5), "best_model_path": "a/b.ckpt"}},
            "hyper_parameters": OrderedDict(learning_rate=1e-4, sizes=torch.Size([4, 64, 64]), steps=[1, 2, (3, None)]),
            "optimizer_states": [{"state": {0: {"step": 1, "exp_avg": torch.zeros(3)}}, "param_groups": []}],
            "lr_schedulers": [{"last_epoch": 1, "flag": True, "big": 1 << 70, "negative": -300}],
        },
        FOLDER / "training.ckpt",
    )
    scalar.__module__ = "numpy._core.multiarray"
    # A string key of its own, state dict nested twice.
    torch.save({"state_dict": {"state_dict": dict(list(state.items())[:2])}}, FOLDER / "nested.ckpt")
    return state


def save_old_vae():
    """The tiny VAE as diffusers wrote it before 2023: attention under other names, once linear, once as convolutions."""
    linear = {old_vae_name(name): weight.half() for name, weight in tiny_vae().state_dict().items()}
    convolution = {
        name: weight[:, :, None, None] if ".attentions.0." in name and weight.dim() == 2 else weight
        for name, weight in linear.items()
        if ".attentions.0." in name
    }
    save_tensors(FOLDER / "vae_old_names.safetensors", linear)
    save_tensors(FOLDER / "vae_old_names_convolutions.safetensors", convolution)


def record():
    FOLDER.mkdir(parents=True, exist_ok=True)
    text = text_state()
    torch.save(text, FOLDER / "text_encoder.bin")
    half = OrderedDict((name, weight.half() if weight.is_floating_point() else weight) for name, weight in text.items())
    save_legacy(half, FOLDER / "text_encoder_legacy.bin")
    state, parts = original_state()
    torch.save({"state_dict": state}, FOLDER / "original.ckpt")
    save_tensors(FOLDER / "original.safetensors", state)
    check_with_diffusers(FOLDER / "original.ckpt")
    check_with_diffusers(FOLDER / "original.safetensors")
    save_hostile()
    training = save_training_checkpoint()
    save_old_vae()
    cases = [
        description("text_encoder.bin", text),
        description("text_encoder_legacy.bin", half),
        description("training.ckpt", training),
    ]
    save_json(FOLDER / "expected.json", {"versions": VERSIONS, "cases": cases})
    names = [{"original": name, "diffusers": part} for name, part in parts.items()]
    save_json(FOLDER / "original_names.json", {"versions": VERSIONS, "cases": names})
