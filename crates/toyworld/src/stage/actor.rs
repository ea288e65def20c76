//! A figure at its place on the stage.

use crate::chance::Chance;
use crate::description::{Person, Subject, ThingKind};
use crate::figure::{Figure, Part};
use crate::vector::{Vector, v};

/// A figure with its place, its size and the way it faces.
#[derive(Debug)]
pub(super) struct Actor {
    figure: Figure,
    at: Vector,
    size: f32,
    angle: f32,
    /// Sine and cosine of the angle.
    facing: (f32, f32),
    /// Its own height and reach, in units of the stage.
    pub(super) tall: f32,
    pub(super) wide: f32,
}

impl Actor {
    fn new(figure: Figure, size: f32, angle: f32) -> Self {
        let (tall, wide) = figure.extent();
        let facing = angle.sin_cos();
        Self { figure, at: v(0.0, 0.0, 0.0), size, angle, facing, tall: tall * size, wide: wide * size }
    }

    /// Turns it farther about the vertical.
    pub(super) fn turn(&mut self, angle: f32) {
        self.angle += angle;
        self.facing = self.angle.sin_cos();
    }

    /// Farthest it reaches to the left and to the right of the middle.
    pub(super) fn reach(&self) -> f32 {
        self.at.x.abs() + self.wide
    }

    /// A direction in the figure's own frame, in its own units.
    #[inline(always)]
    fn inwards(&self, direction: Vector) -> Vector {
        let (sin, cos) = self.facing;
        direction.turned((-sin, cos)) * (1.0 / self.size)
    }

    /// How far `at` is from it, where that is less than `enough`; else at least `enough`.
    #[inline(always)]
    pub(super) fn distance(&self, at: Vector, enough: f32) -> f32 {
        let (centre, radius) = self.figure.ball();
        let local = self.inwards(at - self.at);
        let from_ball = ((local - centre).length() - radius) * self.size;
        if from_ball > enough { from_ball } else { self.figure.distance(local) * self.size }
    }

    /// Where a ray meets it before `limit`.
    pub(super) fn hit(&self, origin: Vector, ray: Vector, limit: f32) -> Option<Hit<'_>> {
        let (origin, ray) = (self.inwards(origin - self.at), self.inwards(ray) * self.size);
        let (away, part) = self.figure.hit(origin, ray, limit / self.size)?;
        let normal = part.normal(origin + ray * away).turned(self.facing);
        Some(Hit { away: away * self.size, normal, part })
    }

    /// How much of the lamp in the direction `lamp` it leaves, 0..1.
    pub(super) fn light(&self, at: Vector, lamp: Vector) -> f32 {
        self.figure.light(self.inwards(at - self.at), self.inwards(lamp) * self.size)
    }
}

/// What a ray meets.
#[derive(Debug, Clone, Copy)]
pub(super) struct Hit<'a> {
    /// How far along the ray.
    pub(super) away: f32,
    /// Out of the surface.
    pub(super) normal: Vector,
    pub(super) part: &'a Part,
}

/// Between two figures.
const GAP: f32 = 0.10;
/// Figures reach less far to one side than their farthest arm.
const CLOSE: f32 = 0.85;

/// One figure in the middle, or two next to each other.
pub(super) fn side_by_side(subjects: &[Subject], figures: Vec<Figure>, chance: &mut Chance) -> Vec<Actor> {
    let alone = figures.len() == 1;
    let mut actors: Vec<Actor> = subjects
        .iter()
        .zip(figures)
        .map(|(subject, figure)| {
            let size = if alone { 1.0 } else { size_in_company(subject) };
            Actor::new(figure, size, angle(subject, chance))
        })
        .collect();
    if let [left, right] = actors.as_mut_slice() {
        let apart = (left.wide + right.wide) * CLOSE + GAP;
        let off_middle = (left.wide - right.wide) * 0.5;
        left.at = v(off_middle - apart * 0.5, 0.0, chance.between(-0.2, 0.2));
        right.at = v(off_middle + apart * 0.5, 0.0, chance.between(-0.2, 0.2));
    }
    actors
}

/// Next to a doll, a duck is smaller than a house.
fn size_in_company(subject: &Subject) -> f32 {
    match subject {
        Subject::Person(_) => 1.0,
        Subject::Thing(thing) => match thing.kind {
            ThingKind::House | ThingKind::Tree | ThingKind::PineTree | ThingKind::Rocket => 1.1,
            ThingKind::Robot | ThingKind::Car | ThingKind::Snowman => 0.9,
            _ => 0.7,
        },
    }
}

/// How far it is turned away from the camera.
fn angle(subject: &Subject, chance: &mut Chance) -> f32 {
    let Subject::Thing(thing) = subject else { return chance.between(-0.5, 0.5) };
    match thing.kind {
        ThingKind::Car if chance.often(0.3) => chance.between(-3.1, 3.1),
        ThingKind::Car => chance.between(-1.2, 0.6),
        ThingKind::Cup => chance.between(-0.6, 0.6),
        ThingKind::Duck => chance.between(-1.2, 1.2),
        ThingKind::Cube => chance.between(-3.0, 3.0),
        _ => chance.between(-0.6, 0.6),
    }
}

/// Where the camera aims for a portrait.
pub(super) fn head_height(subjects: &[Subject]) -> f32 {
    let child = |person: &Person| person.kind.is_child();
    match subjects.first() {
        Some(Subject::Person(person)) if child(person) => 1.27,
        _ => 1.68,
    }
}
