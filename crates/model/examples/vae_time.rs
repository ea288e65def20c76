//! Times TAESD on eight pictures of 128 pixels, untrained: encoding and decoding, with and without the backward pass.
//!
//! ```text
//! cargo run --release -p model --example vae_time -- [fp32|bf16] [side of the pictures] [batch]
//! ```
#![allow(clippy::print_stdout, reason = "its answer")]

use std::error::Error;
use std::time::Instant;

use engine::no_grad;
use engine::tch::{Device, Kind, Tensor};
use model::weights::RandomSource;
use model::{Loader, Part, Vae, VaeConfig};

/// The first of them warms up.
const RUNS: usize = 5;

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let argument = |index: usize, default: &str| arguments.get(index).cloned().unwrap_or_else(|| default.to_owned());
    let kind = if argument(0, "fp32") == "bf16" { Kind::BFloat16 } else { Kind::Float };
    let (side, batch) = (argument(1, "128").parse::<i64>()?, argument(2, "8").parse::<i64>()?);
    let source = RandomSource::new(0);
    let vae = Vae::load(&VaeConfig::taesd(), Loader::new(&source, Part::Vae, Device::Cpu, kind))?;
    for (_, weight) in vae.parameters() {
        let _same_tensor = weight.set_requires_grad(true);
    }
    let wave =
        |sides: [i64; 4]| Tensor::arange(sides.iter().product::<i64>(), (Kind::Float, Device::Cpu)).sin().view(sides);
    let images = wave([batch, 3, side, side]);
    let latents = wave([batch, 4, side / 8, side / 8]);
    time("encode", || vae.encode(&images).mean);
    time("decode", || vae.decode(&latents));
    Ok(())
}

fn time(what: &str, forward: impl Fn() -> Tensor) {
    let fastest = |run: &dyn Fn()| {
        let seconds = |_| {
            let start = Instant::now();
            run();
            start.elapsed().as_secs_f64()
        };
        (0..RUNS).map(seconds).skip(1).fold(f64::INFINITY, f64::min)
    };
    let alone = fastest(&|| drop(no_grad(&forward)));
    let both = fastest(&|| forward().square().mean(Kind::Float).backward());
    println!("{what}: {alone:.3} s, with its backward pass {both:.3} s");
}
