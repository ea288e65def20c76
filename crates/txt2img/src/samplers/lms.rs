//! A linear multistep method (Adams-Bashforth with uneven steps), as k-diffusion's `sample_lms`.

use std::collections::VecDeque;

use engine::tch::Tensor;

use super::derivative;
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
    // Powers of the distance from the newest node, in which the products stay small.
    let mut polynomial = vec![1.0];
    for (other, node) in nodes.iter().enumerate().filter(|(other, _)| *other != own) {
        let (root, scale) = (node - nodes[0], nodes[own] - nodes[other]);
        let mut product = vec![0.0; polynomial.len() + 1];
        for (power, factor) in polynomial.iter().enumerate() {
            product[power] -= factor * root / scale;
            product[power + 1] += factor / scale;
        }
        polynomial = product;
    }
    let distance = next - nodes[0];
    let integral = |sum: f64, (power, factor): (usize, &f64)| (sum + factor / (power + 1) as f64) * distance;
    // Horner's scheme, from the highest power.
    polynomial.iter().enumerate().rev().fold(0.0, integral)
}
