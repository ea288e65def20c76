//! Renderings as tensors.

use std::num::NonZeroUsize;
use std::thread;

use engine::no_grad;
use engine::tch::{Device, Kind, Tensor};
use image::RgbImage;
use model::Vae;
use toyworld::Description;

use crate::recipe::SIDE;

/// Pictures that are encoded together.
const ENCODED_TOGETHER: i64 = 32;

/// Renders each description in its pose, on all cores: `[n, 3, 128, 128]` u8.
pub fn render(scenes: &[(Description, u64)]) -> Tensor {
    let threads = thread::available_parallelism().map_or(1, NonZeroUsize::get);
    let share = scenes.len().div_ceil(threads).max(1);
    let pictures: Vec<RgbImage> = thread::scope(|scope| {
        let draw = |part: &[(Description, u64)]| -> Vec<RgbImage> {
            part.iter().map(|(description, pose)| description.render(*pose, SIDE)).collect()
        };
        let workers: Vec<_> = scenes.chunks(share).map(|part| scope.spawn(move || draw(part))).collect();
        // A panic of the renderer is a mistake in it, and goes on.
        let join = |worker: thread::ScopedJoinHandle<'_, Vec<RgbImage>>| match worker.join() {
            Ok(pictures) => pictures,
            Err(panic) => std::panic::resume_unwind(panic),
        };
        workers.into_iter().flat_map(join).collect()
    });
    stack(&pictures)
}

/// Pictures of one size: `[n, 3, height, width]` u8.
pub fn stack(pictures: &[RgbImage]) -> Tensor {
    Tensor::stack(&pictures.iter().map(bytes).collect::<Vec<_>>(), 0)
}

/// `[3, height, width]` u8.
fn bytes(picture: &RgbImage) -> Tensor {
    let (width, height) = (i64::from(picture.width()), i64::from(picture.height()));
    Tensor::from_slice(picture.as_raw()).view([height, width, 3]).permute([2, 0, 1]).contiguous()
}

/// Bytes as the autoencoder takes them: f32 in [-1, 1].
pub fn to_unit(bytes: &Tensor) -> Tensor {
    bytes.to_kind(Kind::Float) / 127.5 - 1.0
}

/// The latents of pictures as the UNet knows them: `[n, 3, 128, 128]` u8 to `[n, 4, 16, 16]` f32 on `device`, where `vae` lies.
pub fn encode(vae: &Vae, pictures: &Tensor, device: Device) -> Tensor {
    let encode = |part: &Tensor| no_grad(|| vae.encode(&to_unit(&part.to_device(device))).mean * vae.scaling_factor());
    Tensor::cat(&pictures.split(ENCODED_TOGETHER, 0).iter().map(encode).collect::<Vec<_>>(), 0)
}
