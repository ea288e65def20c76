"""Times the UNet's training step in diffusers, for a ratio with `dreambooth bench` on the same machine in the same hour.

    .goldens-venv/bin/python tools/bench_peer.py --resolution 256 --steps 4 --environment same

The same work as the product's bench: Stable Diffusion 1.5's UNet with random weights, f32, one image; noise prediction, mean
squared error, clipping to norm 1, fused AdamW. And a guided sampling step: two images through the UNet. Prints JSON.

`--environment same` gives torch the variables that the product gives itself (huge pages, passive waiting); `default` takes them
away, as a user of diffusers has it. A ratio with the product's figures is fair with `same` alone. `bench_turns.py` runs both.
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


def parse():
    parser = argparse.ArgumentParser()
    parser.add_argument("--resolution", type=int, default=256)
    parser.add_argument("--steps", type=int, default=4)
    parser.add_argument("--unet", choices=["sd15", "small"], default="sd15", help="small: to try the command, not to compare")
    parser.add_argument("--environment", choices=["default", "same"], required=True)
    return parser.parse_args()


def enter(name):
    """Starts this program anew with the named environment: torch and libgomp read it once, when they are loaded."""
    others = {key: value for key, value in os.environ.items() if key not in PRODUCTS_ENVIRONMENT}
    wanted = {**others, **PRODUCTS_ENVIRONMENT} if name == "same" else others
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


def settled_median(steps):
    """The first step warms caches and makes the optimizer's state."""
    return statistics.median_high(steps[1:] or steps)


def timed(steps, body):
    """Runs `body` so many times: seconds of each by the clock, and of the processor (all threads, user and system)."""
    seconds, cpu_seconds = [], []
    for _ in range(steps):
        start, cpu_start = time.perf_counter(), time.process_time()
        body()
        seconds.append(time.perf_counter() - start)
        cpu_seconds.append(time.process_time() - cpu_start)
    return {
        "median_step_s": settled_median(seconds),
        "median_step_cpu_s": settled_median(cpu_seconds),
        "step_s": seconds,
        "step_cpu_s": cpu_seconds,
    }


def measure(options):
    import torch

    side = options.resolution // 8
    model = unet(options.unet)
    optimizer = torch.optim.AdamW(model.parameters(), lr=2e-6, fused=True)
    latents, noise, context = torch.randn(1, 4, side, side), torch.randn(1, 4, side, side), torch.randn(1, 77, 768)

    def train():
        prediction = model(latents, torch.tensor([500]), context).sample
        torch.nn.functional.mse_loss(prediction, noise).backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)

    @torch.no_grad()
    def sample():
        model(torch.cat([latents, latents]), torch.tensor([500, 500]), torch.cat([context, context]))

    training = timed(options.steps, train)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    optimizer.state.clear()
    sampling = timed(options.steps, sample)
    return {
        "train": training,
        "sample": sampling,
        "peak_rss_bytes": peak,
        "torch": torch.__version__,
        "capability": torch.backends.cpu.get_cpu_capability(),
    }


def main():
    options = parse()
    enter(options.environment)
    figures = measure(options)
    figures["environment"] = {name: os.environ.get(name) for name in PRODUCTS_ENVIRONMENT}
    figures["cpu_s"] = time.process_time()
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
