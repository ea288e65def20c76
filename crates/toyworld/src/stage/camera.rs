//! Where the photo is taken from.

use super::actor::Actor;
use crate::chance::Chance;
use crate::place::Place;
use crate::vector::{Vector, v};

/// How far away the camera stands.
const DISTANCE: f32 = 5.6;
/// It is never in the ground.
const LOWEST: f32 = 0.35;

/// A camera, aimed.
#[derive(Debug)]
pub(super) struct Camera {
    pub(super) at: Vector,
    /// About the vertical; 0 looks along -z.
    pub(super) yaw: f32,
    forward: Vector,
    right: Vector,
    up: Vector,
    focus: f32,
}

impl Camera {
    /// Aims at all of the figures, or at a `head` at that height.
    pub(super) fn aim(actors: &[Actor], place: Place, head: Option<f32>, chance: &mut Chance) -> Self {
        let tall = actors.iter().map(|actor| actor.tall).fold(0.0, f32::max);
        let wide = actors.iter().map(Actor::reach).fold(0.0, f32::max);
        let side = if actors.len() > 1 { 0.9 } else { 1.1 };
        let radius = (tall * 0.5).max(wide * side).max(0.85);
        let yaw = if place == Place::BrickWall { chance.between(-0.25, 0.25) } else { chance.between(-0.6, 0.6) };
        // Where the background tells the place, the camera is low enough to see it.
        let pitch = match place {
            Place::Moon | Place::Night => chance.between(-0.02, 0.10),
            Place::Snow | Place::Beach | Place::Meadow | Place::Desert => chance.between(0.02, 0.17),
            _ => chance.between(0.06, 0.32),
        };
        let full = (DISTANCE / radius * chance.between(0.74, 0.88), tall * 0.5 + chance.between(-0.03, 0.06) * radius);
        let (focus, height) = head.map_or(full, |head| (chance.between(4.7, 5.6), head));
        let target = v(chance.between(-0.10, 0.10) * radius, height, 0.0);
        let away = v(yaw.sin() * pitch.cos(), pitch.sin(), yaw.cos() * pitch.cos());
        let mut at = target + away * DISTANCE;
        at.y = at.y.max(LOWEST);
        let forward = (target - at).unit();
        let right = forward.cross(v(0.0, 1.0, 0.0)).unit();
        Self { at, yaw, forward, right, up: right.cross(forward), focus }
    }

    /// The ray through a point of the picture, -1..1 to the right and up.
    pub(super) fn ray(&self, right: f32, up: f32) -> Vector {
        (self.forward * self.focus + self.right * right + self.up * up).unit()
    }
}
