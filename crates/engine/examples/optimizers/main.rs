//! Times one step of each optimizer over 100 million parameters in sizes of SD 1.5's UNet:
//!
//! ```text
//! cargo run --release -p engine --example optimizers -- [rounds] [threads]
//! ATEN_CPU_CAPABILITY=avx2 cargo run --release -p engine --example optimizers
//! ```
//!
//! The optimizers take turns, so that what else the machine does meanwhile slows all of them. CPU seconds are of all threads
//! together, and vary less than the clock's on a busy machine. It takes 9 GB of memory.
#![allow(clippy::print_stdout, reason = "its answer")]

mod libtorch;

use std::error::Error;
use std::time::Instant;

use engine::tch::{Kind, Tensor, get_num_threads, set_num_threads};
use engine::{
    AdamW, AdamW8bit, AdamW8bitSettings, AdamWSettings, BlockSize, Clip, Generator, Optimizer, Parameter, Philox,
    processor_capability,
};
use libtorch::FusedAdamW;

/// Attention of the widest level, a convolution of it, a feed-forward net, a convolution of the first level, and biases.
const SHAPES: [&[i64]; 8] = [
    &[1280, 1280],
    &[1280, 768],
    &[1280],
    &[1280, 1280, 3, 3],
    &[10240, 1280],
    &[1280, 5120],
    &[320, 320, 3, 3],
    &[640, 640, 3, 3],
];
const PARAMETERS: usize = 100_000_000;
const LR: f64 = 1e-6;

type Step = Box<dyn FnMut() -> Result<(), Box<dyn Error>>>;

/// Some way to step, and how long its steps took: by the clock, and of the processor's cores together.
struct Contender {
    name: &'static str,
    step: Step,
    milliseconds: Vec<[f64; 2]>,
}

impl Contender {
    fn new(name: &'static str, step: Step) -> Self {
        Self { name, step, milliseconds: Vec::new() }
    }

    fn optimizer(name: &'static str, mut optimizer: Box<dyn Optimizer>) -> Self {
        let clip = Clip { norm: Tensor::from(1.0_f32), coefficient: Tensor::from(1.0_f32) };
        Self::new(name, Box::new(move || Ok(optimizer.step(LR, &clip)?)))
    }

    /// Milliseconds for [`PARAMETERS`], at best and in the middle.
    fn summary(&self, which: usize) -> (f64, f64) {
        let mut sorted: Vec<f64> = self.milliseconds.iter().map(|took| took[which]).collect();
        sorted.sort_by(f64::total_cmp);
        (sorted[0], sorted[sorted.len() / 2])
    }
}

/// Shapes until there are [`PARAMETERS`].
fn shapes() -> Vec<&'static [i64]> {
    let mut left = i64::try_from(PARAMETERS).unwrap_or(i64::MAX);
    SHAPES
        .into_iter()
        .cycle()
        .take_while(|shape| {
            let goes_on = left > 0;
            left -= shape.iter().product::<i64>();
            goes_on
        })
        .collect()
}

/// Trained weights of ordinary size with gradients over some decades.
fn parameters(kind: Kind) -> Result<Vec<Parameter>, Box<dyn Error>> {
    let parameter = |(index, shape): (u64, &&[i64])| {
        let master = Philox::new(index).normal(shape) * 0.03;
        let gradient = (Philox::new(1000 + index).normal(shape) * 1e-3).pow_tensor_scalar(3).to_kind(kind);
        let name = index.to_string();
        let leaf = master.to_kind(kind).set_requires_grad(true);
        (&leaf * gradient).sum(kind).backward();
        Ok(if kind == Kind::Float { Parameter::new(name, leaf) } else { Parameter::with_shadow(name, master, leaf)? })
    };
    (0..).zip(&shapes()).map(parameter).collect()
}

fn contenders() -> Result<Vec<Contender>, Box<dyn Error>> {
    let packed = |block_size, kind| -> Result<Box<dyn Optimizer>, Box<dyn Error>> {
        let settings = AdamW8bitSettings { block_size, ..AdamW8bitSettings::default() };
        Ok(Box::new(AdamW8bit::new(parameters(kind)?, settings)))
    };
    let whole = |kind| -> Result<Box<dyn Optimizer>, Box<dyn Error>> {
        Ok(Box::new(AdamW::new(parameters(kind)?, AdamWSettings::default())))
    };
    let torchs = parameters(Kind::Float)?;
    let weights = torchs.iter().map(|parameter| parameter.master().shallow_clone()).collect();
    let mut torchs = FusedAdamW::new(weights, torchs.iter().filter_map(Parameter::gradient).collect());
    Ok(vec![
        Contender::optimizer("AdamW f32", whole(Kind::Float)?),
        Contender::optimizer("AdamW bf16 shadow", whole(Kind::BFloat16)?),
        Contender::optimizer("8-bit 256", packed(BlockSize::Elements256, Kind::Float)?),
        Contender::optimizer("8-bit 2048", packed(BlockSize::Elements2048, Kind::Float)?),
        Contender::optimizer("8-bit 2048 bf16 shadow", packed(BlockSize::Elements2048, Kind::BFloat16)?),
        Contender::new("libtorch's fused", Box::new(move || torchs.step(LR))),
    ])
}

/// Seconds that this process has computed, on all cores.
fn cpu_seconds() -> f64 {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the place that is written to outlives the call.
    unsafe { libc::clock_gettime(libc::CLOCK_PROCESS_CPUTIME_ID, &raw mut time) };
    time.tv_sec as f64 + time.tv_nsec as f64 * 1e-9
}

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<usize> = std::env::args().skip(1).map(|argument| argument.parse()).collect::<Result<_, _>>()?;
    let rounds = arguments.first().copied().unwrap_or(15).max(1);
    if let Some(&threads) = arguments.get(1) {
        set_num_threads(i32::try_from(threads)?);
    }
    let count: i64 = shapes().iter().map(|shape| shape.iter().product::<i64>()).sum();
    let scale = 1e3 * PARAMETERS as f64 / count as f64;
    let mut contenders = contenders()?;
    // The first round makes the states and is not counted.
    for round in 0..=rounds {
        for contender in &mut contenders {
            let (clock, cpu) = (Instant::now(), cpu_seconds());
            (contender.step)()?;
            let took = [clock.elapsed().as_secs_f64() * scale, (cpu_seconds() - cpu) * scale];
            if round > 0 {
                contender.milliseconds.push(took);
            }
        }
    }
    let capability = std::env::var("ATEN_CPU_CAPABILITY").unwrap_or_else(|_| "whatever it has".to_owned());
    println!("{} used as {capability}, {} threads", processor_capability(), get_num_threads());
    println!("ms per 100 M parameters  clock: best  median  ratio   CPU: best  median  ratio");
    let first: Vec<(f64, f64)> = (0..2).map(|which| contenders[0].summary(which)).collect();
    for contender in &contenders {
        let [clock, cpu] = [0, 1].map(|which| (contender.summary(which), contender.summary(which).0 / first[which].0));
        println!(
            "{:23} {:12.1} {:7.1} {:6.2} {:11.1} {:7.1} {:6.2}",
            contender.name, clock.0.0, clock.0.1, clock.1, cpu.0.0, cpu.0.1, cpu.1
        );
    }
    Ok(())
}
