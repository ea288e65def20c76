"""Times the UNet's training step in diffusers, for a ratio with `dreambooth bench` on the same machine in the same hour.

    .goldens-venv/bin/python tools/bench_peer.py --environment same --resolution 256 --steps 4

The same work as the product's bench: Stable Diffusion 1.5's UNet with random weights; noise prediction, mean squared error,
clipping to norm 1, AdamW. And a guided sampling step: two images for each through the UNet. Prints JSON.

The arguments are those of `dreambooth bench`: `--precision bf16` is autocast over fp32 weights, as `accelerate` has it;
`--8-bit-adam` is bitsandbytes' AdamW8bit; `--checkpointing` recomputes activations. `--compile` (ours has no such thing) hands
the UNet to torch.compile first.

`--environment same` keeps the variables that this program is started with and adds those that the product gives itself (huge
pages, passive waiting); `default` takes away everything that tunes an allocator or threads, as a user of diffusers has it. A
ratio with the product's figures is fair with `same` alone. `bench_turns.py` runs both.
"""

import argparse
import json
import os
import resource
import statistics
import sys
import time

# What the product sets for its own process (worker::child_environment::ENVIRONMENT); bench_turns.py compares the two.
PRODUCTS_ENVIRONMENT = {"OMP_WAIT_POLICY": "passive", "THP_MEM_ALLOC_ENABLE": "1"}

# Variables that tune an allocator, its huge pages, or threads.
TUNING = ("LD_PRELOAD", "GLIBC_TUNABLES", "THP_MEM_ALLOC_ENABLE")
TUNING_PREFIXES = ("OMP_", "GOMP_", "KMP_", "MKL_", "DNNL_", "ONEDNN_", "MALLOC_", "MIMALLOC_", "TCMALLOC_")


def is_tuning(variable):
    return variable in TUNING or variable.startswith(TUNING_PREFIXES)


def parse():
    parser = argparse.ArgumentParser()
    parser.add_argument("--environment", choices=["default", "same"], required=True)
    parser.add_argument("--unet", choices=["sd15", "small"], default="sd15", help="small: to try the command, not to compare")
    parser.add_argument("--device", choices=["cpu", "cuda"], default="cpu")
    parser.add_argument("--precision", choices=["fp32", "bf16"], default="fp32")
    parser.add_argument("--8-bit-adam", dest="adam_8_bit", action="store_true")
    parser.add_argument("--checkpointing", action="store_true")
    parser.add_argument("--compile", action="store_true")
    parser.add_argument("--resolution", type=int, default=256)
    parser.add_argument("--batch", type=int, default=1)
    parser.add_argument("--steps", type=int, default=4)
    return parser.parse_args()


def enter(name):
    """Starts this program anew with the named environment: torch and libgomp read it once, when they are loaded."""
    if name == "same":
        wanted = PRODUCTS_ENVIRONMENT | dict(os.environ)
    else:
        wanted = {variable: value for variable, value in os.environ.items() if not is_tuning(variable)}
    if wanted != dict(os.environ):
        os.execve(sys.executable, [sys.executable, *sys.argv], wanted)


def unet(size):
    from diffusers import UNet2DConditionModel

    if size == "small":
        return UNet2DConditionModel(
            sample_size=8,
            cross_attention_dim=768,
            attention_head_dim=8,
            block_out_channels=(32, 64, 64, 64),
        )
    # The configuration of SD 1.5 where it differs from the class's defaults.
    return UNet2DConditionModel(
        sample_size=64,
        cross_attention_dim=768,
        attention_head_dim=8,
        block_out_channels=(320, 640, 1280, 1280),
    )


def optimizer_of(model, options):
    import torch

    if options.adam_8_bit:
        import bitsandbytes

        return bitsandbytes.optim.AdamW8bit(model.parameters(), lr=2e-6)
    return torch.optim.AdamW(model.parameters(), lr=2e-6, fused=True)


def settled_median(steps):
    """The first step warms caches, makes the optimizer's state, and compiles."""
    return statistics.median_high(steps[1:] or steps)


class Device:
    """Where the work is done: its clock and its memory."""

    def __init__(self, name):
        import torch

        self.name, self.cuda = name, torch.cuda if name == "cuda" else None

    def timed(self, steps, body):
        """Runs `body` so many times: seconds of each by the clock, and of the processor (all threads, user and system)."""
        seconds, cpu_seconds = [], []
        for _ in range(steps):
            start, cpu_start = time.perf_counter(), time.process_time()
            body()
            if self.cuda:
                self.cuda.synchronize()
            seconds.append(time.perf_counter() - start)
            cpu_seconds.append(time.process_time() - cpu_start)
        return {
            "median_step_s": settled_median(seconds),
            "median_step_cpu_s": settled_median(cpu_seconds),
            "step_s": seconds,
            "step_cpu_s": cpu_seconds,
        }

    def peak(self):
        return {
            "peak_rss_bytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
            "peak_device_bytes": self.cuda.max_memory_allocated() if self.cuda else None,
        }

    def description(self):
        return self.cuda.get_device_name() if self.cuda else "cpu"


def measure(options):
    import torch

    device, side = Device(options.device), options.resolution // 8
    torch.set_default_device(options.device)
    model = unet(options.unet).train()
    if options.checkpointing:
        model.enable_gradient_checkpointing()
    optimizer = optimizer_of(model, options)
    network = torch.compile(model) if options.compile else model
    shape = (options.batch, 4, side, side)
    latents, noise, context = torch.randn(shape), torch.randn(shape), torch.randn(options.batch, 77, 768)
    timesteps = torch.full((options.batch,), 500)
    autocast = torch.autocast(options.device, torch.bfloat16, enabled=options.precision == "bf16")

    def train():
        with autocast:
            prediction = network(latents, timesteps, context).sample
        torch.nn.functional.mse_loss(prediction.float(), noise).backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)

    @torch.no_grad()
    def sample():
        with autocast:
            network(torch.cat([latents, latents]), torch.cat([timesteps, timesteps]), torch.cat([context, context]))

    training = device.timed(options.steps, train)
    memory = device.peak()
    optimizer.state.clear()
    sampling = device.timed(options.steps, sample)
    return {
        "train": {"speed": training, "memory": memory},
        "sample": {"speed": sampling},
        "torch": torch.__version__,
        "device": device.description(),
        "capability": torch.backends.cpu.get_cpu_capability(),
        "threads": torch.get_num_threads(),
    }


def main():
    options = parse()
    enter(options.environment)
    figures = measure(options)
    figures["environment"] = {name: os.environ.get(name) for name in PRODUCTS_ENVIRONMENT}
    figures["tuning"] = {name: value for name, value in sorted(os.environ.items()) if is_tuning(name)}
    figures["cpu_s"] = time.process_time()
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
