//! A photo is taken: figures on a ground under a sky, with one lamp and one camera.

mod actor;
mod camera;
mod ground;
mod light;
mod photograph;
mod sky;
mod wall;

use crate::chance::Chance;
use crate::description::{Description, Framing};
use crate::figure::Figure;
use crate::look::{Look, lamp_direction};
use crate::place::Place;
use crate::vector::{Vector, grey, v};
use actor::{Actor, Hit};
use camera::Camera;

/// Rays go no farther than this over the ground.
const FAR: f32 = 60.0;
/// What does not exist is this far away.
const NOWHERE: f32 = 1e9;

/// Everything that a photo shows.
#[derive(Debug)]
pub(crate) struct Stage {
    actors: Vec<Actor>,
    place: Place,
    look: Look,
    /// Towards the lamp.
    lamp: Vector,
    camera: Camera,
    /// Moves the pattern of the ground and the sky.
    shift: f32,
}

impl Stage {
    /// Sets up what `description` says, as `pose` has it.
    pub(crate) fn new(description: &Description, pose: u64) -> Self {
        let mut chance = Chance::new(pose, 0x905E);
        let place = description.place;
        let figures: Vec<Figure> =
            description.subjects.iter().map(|subject| Figure::of(subject, &mut chance)).collect();
        let mut actors = actor::side_by_side(&description.subjects, figures, &mut chance);
        let lamp = lamp_direction(&mut chance);
        let head = (description.framing == Framing::Portrait).then(|| actor::head_height(&description.subjects));
        let camera = Camera::aim(&actors, place, head, &mut chance);
        // The light turns with the camera, and figures mostly face it.
        let mut lamp = lamp.turned(camera.yaw.sin_cos());
        if place == Place::BrickWall {
            lamp = v(lamp.x, lamp.y, lamp.z.abs().max(0.3)).unit();
        }
        for actor in &mut actors {
            actor.turn(camera.yaw);
        }
        let shift = chance.between(0.0, 40.0).floor();
        Self { actors, place, look: Look::of(place), lamp, camera, shift }
    }

    /// The light that comes along `ray`.
    fn see(&self, ray: Vector) -> Vector {
        let origin = self.camera.at;
        let ground = if ray.y < -1e-4 { -origin.y / ray.y } else { NOWHERE };
        let wall = if self.place == Place::BrickWall { wall::reach(origin, ray) } else { NOWHERE };
        if let Some(hit) = self.hit(origin, ray, ground.min(wall)) {
            return self.figure(hit, ray);
        }
        if wall < ground {
            return self.wall(origin + ray * wall);
        }
        if ground < FAR {
            return self.ground(origin + ray * ground, ground);
        }
        self.sky(if ray.y < 0.0 { v(ray.x, 0.0, ray.z) } else { ray })
    }

    /// The first figure on the ray, if it is nearer than `limit`.
    fn hit(&self, origin: Vector, ray: Vector, limit: f32) -> Option<Hit<'_>> {
        let hits = self.actors.iter().filter_map(|actor| actor.hit(origin, ray, limit));
        hits.min_by(|one, other| one.away.total_cmp(&other.away))
    }

    /// The light that a figure's surface sends against `ray`.
    fn figure(&self, hit: Hit<'_>, ray: Vector) -> Vector {
        let Hit { away, normal, part } = hit;
        let at = self.camera.at + ray * away;
        let facing = normal.dot(self.lamp).max(0.0);
        let lit = if facing > 0.0 { self.lit(at, normal) } else { 0.0 };
        let open = self.openness(at, normal);
        let Look { ground, horizon, zenith, lamp, ambient, .. } = self.look;
        let above = horizon.mix(zenith, 0.3).mix(grey(0.6), 0.4);
        // All of a meadow's green would make faces ill.
        let below = ground.mix(grey(0.4), 0.4);
        let around = below.mix(above, 0.5 + 0.5 * normal.y) * (ambient * 1.25 * open);
        let diffuse = part.paint * (lamp * (facing * lit * 0.42) + around);
        // Blinn's highlight and Schlick's share of the mirrored surroundings.
        let half = (self.lamp - ray).unit();
        let highlight = lamp * (normal.dot(half).max(0.0).powi(40) * lit * 0.40 * part.gloss);
        let grazing = (1.0 + ray.dot(normal)).clamp(0.0, 1.0).powi(4);
        let mirrored = ray - normal * (2.0 * ray.dot(normal));
        let surroundings = if mirrored.y > 0.0 { horizon.mix(zenith, mirrored.y.sqrt()) } else { ground * 0.5 };
        let share = (0.04 + 0.5 * grazing) * part.gloss * open;
        diffuse * (1.0 - share) + surroundings * share + highlight
    }
}
