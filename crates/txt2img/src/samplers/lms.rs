//! A linear multistep method (Adams-Bashforth with uneven steps), as k-diffusion's `sample_lms`.

use std::collections::VecDeque;

use engine::tch::Tensor;

use super::derivative;
use super::lagrange::polynomial;
use crate::error::Result;
use crate::sampler::Walk;

/// How many derivatives a step looks back on.
const ORDER: usize = 4;

/// `LMS`.
pub(super) fn sample(walk: &mut Walk<'_>, mut x: Tensor) -> Result<Tensor> {
    let points = walk.trajectory.points();
    // The newest first.
    let mut derivatives = VecDeque::with_capacity(ORDER + 1);
    for (index, (sigma, next)) in walk.trajectory.pairs().enumerate() {
        let denoised = walk.denoise(&x, sigma)?;
        derivatives.push_front(derivative(&x, &denoised, sigma));
        derivatives.truncate(ORDER);
        let nodes: Vec<f64> = (0..derivatives.len()).map(|back| points[index - back]).collect();
        for (back, slope) in derivatives.iter().enumerate() {
            x += slope * coefficient(&nodes, back, next);
        }
        (walk.on_step)(index + 1);
    }
    Ok(x)
}

/// The integral, from the newest node to `next`, of the Lagrange polynomial that is 1 at node `own` and 0 at the others.
fn coefficient(nodes: &[f64], own: usize, next: f64) -> f64 {
    // In distances from the newest node, whose powers stay small.
    let nodes_apart: Vec<f64> = nodes.iter().map(|node| node - nodes[0]).collect();
    let distance = next - nodes[0];
    let horner = |sum: f64, (power, factor): (usize, &f64)| (sum + factor / (power + 1) as f64) * distance;
    polynomial(&nodes_apart, own).iter().enumerate().rev().fold(0.0, horner)
}
