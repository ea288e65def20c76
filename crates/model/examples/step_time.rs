//! Times the forward and the backward pass of SD 1.5's UNet on untrained weights:
//!
//! ```text
//! cargo run --release -p model --example step_time -- [fp32|bf16|mixed] [side of the latents] [steps] [recompute]
//! ```
#![allow(clippy::print_stdout, reason = "its answer")]

use std::error::Error;
use std::time::Instant;

use engine::memory::peak_rss_bytes;
use engine::tch::{Device, Kind, Tensor};
use engine::{AdamW, AdamWSettings, Optimizer, Parameter};
use model::{BaseModel, Dtypes, LoadOptions, ModelReference, RandomConfig};

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let argument = |index: usize, default: &str| arguments.get(index).cloned().unwrap_or_else(|| default.to_owned());
    let (dtypes, compute) = match argument(0, "fp32").as_str() {
        "bf16" => (Dtypes::all(Kind::Float), Kind::BFloat16),
        "mixed" => (Dtypes::mixed_bf16(), Kind::BFloat16),
        _ => (Dtypes::all(Kind::Float), Kind::Float),
    };
    let (side, steps) = (argument(1, "32").parse::<i64>()?, argument(2, "4").parse::<usize>()?);
    let options = LoadOptions { dtypes, recompute: argument(3, "") == "recompute", adapter: None };
    let base = BaseModel::open(&ModelReference::Random { config: RandomConfig::Sd15, seed: 0 })?;
    let unet = base.unet_with(Device::Cpu, &options)?;
    let parameter = |(name, tensor): &(String, Tensor)| Parameter::new(name.clone(), tensor.set_requires_grad(true));
    let mut optimizer = AdamW::new(unet.parameters().iter().map(parameter).collect(), AdamWSettings::default());
    let f32 = (Kind::Float, Device::Cpu);
    let latents = Tensor::arange(4 * side * side, f32).sin().view([1, 4, side, side]).to_kind(compute);
    let context = Tensor::arange(77 * 768, f32).cos().view([1, 77, 768]);
    for step in 0..steps {
        let start = Instant::now();
        let prediction = unet.forward(&latents, &Tensor::from_slice(&[500_i64]), &context);
        let loss = prediction.to_kind(Kind::Float).square().mean(Kind::Float);
        let forward = start.elapsed().as_secs_f64();
        loss.backward();
        let whole = start.elapsed().as_secs_f64();
        optimizer.zero_grad();
        let peak = peak_rss_bytes() as f64 / 1e9;
        println!(
            "{step}: {forward:.2} + {:.2} = {whole:.2} s, loss {:.6}, peak {peak:.2} GB",
            whole - forward,
            loss.double_value(&[])
        );
    }
    Ok(())
}
