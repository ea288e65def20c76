//! Brownian motion over sigma, the same however it is asked for: the tree of torchsde's `BrownianTree` (Li et al., "Scalable
//! Gradients for Stochastic Differential Equations", 2020; Kidger et al., 2021), which k-diffusion's SDE samplers follow.
//!
//! An interval is halved again and again; a node's own seed says how its increment divides (Lévy's Brownian bridge).

use std::collections::VecDeque;

use engine::tch::{Kind, Tensor};
use protocol::NoiseSource;

use super::{SeedSequence, generator};

/// Words in the pool of torchsde's seeds.
const POOL_SIZE: usize = 24;
/// Decimals of a time: halving ends at a millionth.
const DECIMALS: usize = 6;

/// How many values are kept: a step asks for its beginning twice, and the next step begins where it ended.
const VALUES_KEPT: usize = 3;

/// One image's path.
#[derive(Debug)]
pub struct BrownianPath {
    source: NoiseSource,
    seed: u64,
    /// `[4, height/8, width/8]`.
    shape: [i64; 3],
    interval: [f64; 2],
    /// From the root to the node that was asked for last, near which the next lies. Empty until somebody asks.
    nodes: Vec<Node>,
    /// The path at the times that were asked for last, the newest first.
    values: VecDeque<(f64, Tensor)>,
}

/// A piece of the path.
#[derive(Debug)]
struct Node {
    start: f64,
    end: f64,
    /// Its number among those of its depth, from the left.
    index: u64,
    depth: u64,
    /// The path at its start, f64 as below.
    value: Tensor,
    /// What the path gains until its end.
    increment: Tensor,
}

impl BrownianPath {
    /// The path of a seed over the sigmas of `interval`, from the lower to the higher.
    pub fn new(source: NoiseSource, seed: u64, shape: [i64; 3], interval: [f64; 2]) -> Self {
        Self { source, seed, shape, interval: interval.map(single), nodes: Vec::new(), values: VecDeque::new() }
    }

    /// What the path gains from one sigma to the next, scaled to N(0, 1): f32, of the image's shape.
    pub fn between(&mut self, sigma: f64, next: f64) -> Tensor {
        let [sigma, next] = [sigma, next].map(single);
        let (from, to) = (self.at(sigma), self.at(next));
        let length = (sigma - next).abs().max(f64::MIN_POSITIVE);
        ((to - from) / length.sqrt()).to_kind(Kind::Float)
    }

    /// The path at a time, from its value of 0 at the interval's start. Times outside are those of the ends.
    fn at(&mut self, time: f64) -> Tensor {
        let time = rounded(time);
        if let Some((_, value)) = self.values.iter().find(|(known, _)| *known == time) {
            return value.shallow_clone();
        }
        let value = self.descend(time);
        self.values.push_front((time, value.shallow_clone()));
        self.values.truncate(VALUES_KEPT);
        value
    }

    /// Halves the interval until the time is one of a half's ends.
    fn descend(&mut self, time: f64) -> Tensor {
        if self.nodes.is_empty() {
            let root = self.root();
            self.nodes.push(root);
        }
        let time = time.clamp(self.nodes[0].start, self.nodes[0].end);
        while self.nodes.len() > 1 && !self.nodes[self.nodes.len() - 1].holds(time) {
            self.nodes.pop();
        }
        loop {
            let node = &self.nodes[self.nodes.len() - 1];
            if time == node.end {
                return &node.value + &node.increment;
            }
            let middle = rounded(0.5 * (node.start + node.end));
            if time == node.start || middle == node.start || middle == node.end {
                return node.value.shallow_clone();
            }
            let child = self.child(node, middle, time > middle);
            self.nodes.push(child);
        }
    }

    fn root(&self) -> Node {
        let [start, end] = self.interval;
        let seed = SeedSequence::new(self.seed, &[], POOL_SIZE).generate_state(1)[0];
        let increment = self.normal(seed) * (end - start).max(0.0).sqrt();
        let value = increment.zeros_like();
        Node { start: rounded(start), end: rounded(end), index: 0, depth: 0, value, increment }
    }

    /// The half of a node that is split at `middle`.
    fn child(&self, node: &Node, middle: f64, is_right: bool) -> Node {
        let (left, right, whole) = (middle - node.start, node.end - middle, node.end - node.start);
        let seed = SeedSequence::new(self.seed, &[node.index, node.depth], POOL_SIZE).generate_state(1)[0];
        let gained = &node.increment * (left / whole) + self.normal(seed) * (left * right / whole).sqrt();
        let (index, depth) = (2 * node.index + u64::from(is_right), node.depth + 1);
        if is_right {
            let (value, increment) = (&node.value + &gained, &node.increment - gained);
            Node { start: middle, end: node.end, index, depth, value, increment }
        } else {
            let value = node.value.shallow_clone();
            Node { start: node.start, end: middle, index, depth, value, increment: gained }
        }
    }

    fn normal(&self, seed: u32) -> Tensor {
        generator(self.source, u64::from(seed)).normal(&self.shape).to_kind(Kind::Double)
    }
}

impl Node {
    fn holds(&self, time: f64) -> bool {
        (self.start..=self.end).contains(&time)
    }
}

/// As k-diffusion, whose sigmas are f32, hands a time to the tree.
fn single(sigma: f64) -> f64 {
    f64::from(sigma as f32)
}

/// Rounded in decimal, as Python's `round`.
fn rounded(time: f64) -> f64 {
    format!("{time:.DECIMALS$}").parse().unwrap_or(time)
}
