"""A plain PyTorch training loop over diffusers' and transformers' own networks, in float64 or float32."""

from contextlib import nullcontext

import torch
import torch.nn.functional as F
from diffusers import DDPMScheduler
from diffusers.optimization import get_scheduler

from given import Draw
from gradients import FOLLOWED, FOLLOWED_TEXT, float64, single
from models import SCHEDULE, tiny_text_encoder, tiny_unet

# At 1e-3 the tiny networks are chaotic: after fifty steps float32 is 5e-4 of a loss and 2e-2 of the rates' sum from float64.
LEARNING_RATE = 1e-4

# A gradient as small as this beside the largest is 0, and what is left of it is rounding: a key's bias adds the same to every
# score of a query, which softmax does not see.
ZERO = 1e-12


class Training:
    """The tiny networks, their noise schedule, and what is recorded while they learn."""

    def __init__(self, dtype, text=True, prediction_type="epsilon"):
        self.dtype = dtype
        self.schedule = DDPMScheduler(**SCHEDULE | {"prediction_type": prediction_type})
        self.unet, self.text_encoder = tiny_unet().to(dtype), tiny_text_encoder().to(dtype)
        self.text_encoder.requires_grad_(text)
        self.named = {f"unet.{name}": weight for name, weight in self.unet.named_parameters()}
        if text:
            self.named |= {f"text.{name}": weight for name, weight in self.text_encoder.named_parameters()}

    def context(self, ids):
        return self.text_encoder(ids).last_hidden_state

    def errors(self, photos, batch, draw, context):
        """The mean squared error of each item."""
        latents = photos.latents(batch, draw.posterior)
        noisy = self.schedule.add_noise(latents, draw.noise, draw.timesteps)
        target = draw.noise
        if self.schedule.config.prediction_type == "v_prediction":
            target = self.schedule.get_velocity(latents, draw.noise, draw.timesteps)
        prediction = self.unet(noisy, draw.timesteps, context).sample
        return F.mse_loss(prediction, target, reduction="none").mean(dim=(1, 2, 3))

    def followed(self):
        names = [f"unet.{name}" for name in FOLLOWED] + [f"text.{name}" for name in FOLLOWED_TEXT]
        return {name: self.named[name] for name in names if name in self.named}

    def draw(self, step, items, offset_noise=False):
        return Draw(step, items, self.dtype, offset_noise)

    def precision(self):
        return float64() if self.dtype == torch.float64 else nullcontext()

    def run(self, steps, loss, rate=LEARNING_RATE, schedule="linear", keep=(), followed=None, after=None):
        """AdamW with clipping to norm 1. `loss(step)` is a tensor, or a list of them whose gradients are gathered and whose sum
        is the step's; `followed` weights are kept after the steps `keep`; `after(step)` sees each step."""
        trained = list(self.named.values())
        optimizer = torch.optim.AdamW(trained, lr=rate, betas=(0.9, 0.999), eps=1e-8, weight_decay=0.01)
        rates = get_scheduler(schedule, optimizer, num_warmup_steps=0, num_training_steps=steps)
        followed = self.followed() if followed is None else followed
        record, kept, largest = {"loss": [], "grad_norm": [], "lr": []}, {}, {name: 0.0 for name in self.named}
        with self.precision():
            for step in range(steps):
                total = 0.0
                losses = loss(step)
                for part in losses if isinstance(losses, list) else [losses]:
                    part.backward()
                    total += part.detach().double()
                for name, weight in self.named.items():
                    largest[name] = max(largest[name], float(weight.grad.abs().max()))
                record["grad_norm"].append(torch.nn.utils.clip_grad_norm_(trained, 1.0).double())
                record["loss"].append(total)
                record["lr"].append(torch.tensor(rates.get_last_lr()[0], dtype=torch.float64))
                optimizer.step()
                rates.step()
                optimizer.zero_grad()
                if step + 1 in keep:
                    kept |= {f"after_{step + 1}.{name}": w.detach().clone() for name, w in followed.items()}
                if after:
                    after(step)
        self.gradientless = sorted(name for name, size in largest.items() if size < ZERO * max(largest.values()))
        return {name: torch.stack(values) for name, values in record.items()} | kept


def relative(found, exact):
    return float(((found.double() - exact.double()) / exact.double()).abs().max())


def both(case, build):
    """Runs `build(dtype)`, which gives a Training and its record, in float64 and in float32; prints how far these two differ,
    which is what the tests' tolerances stand on, and gives the float64 record under the case's name."""
    training, exact = build(torch.float64)
    approximate_training, approximate = build(torch.float32)
    numbers = {name: relative(approximate[name], exact[name]) for name in ("loss", "grad_norm")}
    print(f"{case}: float32 differs by {numbers['loss']:.1e} of a loss, {numbers['grad_norm']:.1e} of a norm")
    shares = {}
    for name, weight in exact.items():
        if name.startswith("after_"):
            step = int(name.split(".")[0].removeprefix("after_"))
            share = float((approximate[name].double() - weight).abs().max()) / float(exact["lr"][:step].sum())
            shares[step] = max(shares.get(step, 0.0), share)
    print("  followed weights, of the sum of the rates:", {step: f"{share:.1e}" for step, share in shares.items()})
    moved = {}
    for name, weight in training.named.items():
        difference = (approximate_training.named[name].detach().double() - weight.detach()).abs().max()
        moved[name] = float(difference) / float(exact["lr"].sum())
    worst = sorted(moved, key=moved.get)[-3:]
    print("  the worst of all weights at the end:", {name: f"{moved[name]:.1e}" for name in worst})
    print("  weights without a gradient:", training.gradientless)
    return rounded(case, exact)


def rounded(case, record):
    """float32 but for the rates, under the case's name."""
    rates = {f"{case}.{name}": tensor for name, tensor in record.items() if name == "lr"}
    return single({f"{case}.{name}": tensor for name, tensor in record.items()}) | rates
