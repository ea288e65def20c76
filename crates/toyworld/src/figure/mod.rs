//! Figures: solids with colours, put together as a toy that stands on the ground.

mod animals;
mod crossing;
mod objects;
mod person;
mod plants;
mod robot;
mod vehicles;

use crate::chance::Chance;
use crate::description::{Subject, Thing, ThingKind};
use crate::shape::Shape;
use crate::vector::{Vector, grey, v};

/// What a mark on a face or a tyre is painted with.
const INK: Vector = grey(0.015);
/// The highlight that makes an eye look alive.
const GLINT: Vector = grey(0.95);

/// Columns of a rotation, by which a point comes into a part's own frame.
type Frame = [Vector; 3];

/// One solid of a figure.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Part {
    shape: Shape,
    at: Vector,
    frame: Option<Frame>,
    size: f32,
    /// The share of red, green and blue light it returns.
    pub(crate) paint: Vector,
    /// 0 is cloth, 1 is varnish.
    pub(crate) gloss: f32,
    bound: f32,
}

impl Part {
    #[inline(always)]
    fn distance(&self, point: Vector) -> f32 {
        let mut local = point - self.at;
        if let Some([x, y, z]) = &self.frame {
            local = v(x.dot(local), y.dot(local), z.dot(local));
        }
        self.shape.distance(local * (1.0 / self.size)) * self.size
    }

    /// Makes the whole part smaller about the origin of the figure.
    fn shrink(&mut self, size: f32) {
        self.at = self.at * size;
        self.size *= size;
        self.bound *= size;
    }
}

/// A toy about two units tall, its feet at y = 0, its face towards z.
#[derive(Debug, Clone)]
pub(crate) struct Figure {
    parts: Vec<Part>,
    centre: Vector,
    radius: f32,
}

impl Figure {
    /// The toy that `subject` describes; `chance` moves its arms and grows its branches.
    pub(crate) fn of(subject: &Subject, chance: &mut Chance) -> Self {
        let mut figure = Self { parts: Vec::new(), centre: v(0.0, 1.0, 0.0), radius: 2.2 };
        match subject {
            Subject::Person(person) => person::build(&mut figure, person, chance),
            Subject::Thing(thing) => figure.build_thing(thing, chance),
        }
        debug_assert!(figure.parts.len() <= crossing::MOST, "rays would miss some parts");
        figure.enclose();
        figure
    }

    fn build_thing(&mut self, thing: &Thing, chance: &mut Chance) {
        let (paint, second) = (thing.colour.reflectance(), thing.second_colour.reflectance());
        match thing.kind {
            ThingKind::Robot => robot::build(self, paint, second, chance),
            ThingKind::Car => vehicles::car(self, paint),
            ThingKind::Rocket => vehicles::rocket(self, paint, second),
            ThingKind::Tree => plants::tree(self, paint, chance),
            ThingKind::PineTree => plants::pine_tree(self),
            ThingKind::Mushroom => plants::mushroom(self, paint),
            ThingKind::Cat => animals::cat(self, paint),
            ThingKind::Dog => animals::dog(self, paint),
            ThingKind::Bear => animals::bear(self, paint),
            ThingKind::Duck => animals::duck(self, paint),
            ThingKind::House => objects::house(self, paint, second),
            ThingKind::Cup => objects::cup(self, paint),
            ThingKind::Cube => objects::cube(self, paint),
            ThingKind::Snowman => objects::snowman(self, paint),
            ThingKind::Ball => objects::ball_toy(self, paint),
        }
    }

    /// Adds a solid.
    fn add(&mut self, shape: Shape, at: Vector, paint: Vector, gloss: f32) {
        self.parts.push(Part { shape, at, frame: None, size: 1.0, paint, gloss, bound: shape.bound() });
    }

    /// Adds a solid that is turned about x, then y, then z.
    fn add_turned(&mut self, shape: Shape, at: Vector, angles: Vector, paint: Vector, gloss: f32) {
        self.parts.push(Part { shape, at, frame: Some(frame(angles)), size: 1.0, paint, gloss, bound: shape.bound() });
    }

    /// The distance of a point in the figure's frame.
    #[inline(always)]
    pub(crate) fn distance(&self, point: Vector) -> f32 {
        let mut nearest = 1e9f32;
        for part in &self.parts {
            let offset = point - part.at;
            let reach = nearest + part.bound;
            // What is farther than the nearest so far, by its ball, need not be asked.
            if nearest > -1.0 && reach > 0.0 && offset.dot(offset) > reach * reach {
                continue;
            }
            nearest = nearest.min(part.distance(point));
        }
        nearest
    }

    /// The centre and radius of a ball that holds it.
    pub(crate) fn ball(&self) -> (Vector, f32) {
        (self.centre, self.radius)
    }

    fn enclose(&mut self) {
        let (mut low, mut high) = (f32::MAX, f32::MIN);
        for part in &self.parts {
            low = low.min(part.at.y - part.bound);
            high = high.max(part.at.y + part.bound);
        }
        self.centre = v(0.0, (low.max(0.0) + high) * 0.5, 0.0);
        let reach = |part: &Part| (part.at - self.centre).length() + part.bound;
        self.radius = self.parts.iter().map(reach).fold(0.0, f32::max).min(2.2);
    }

    /// How tall it is, and how far it reaches from its axis: by asking a grid of points.
    pub(crate) fn extent(&self) -> (f32, f32) {
        let (mut tall, mut wide) = (0f32, 0f32);
        for column in 0..24 * 24 {
            let (x, z) = (-1.4375 + 0.125 * (column % 24) as f32, -1.4375 + 0.125 * (column / 24) as f32);
            for step in 0..28 {
                let point = v(x, 0.05 + 0.1 * step as f32, z);
                if self.distance(point) < 0.04 {
                    tall = tall.max(point.y + 0.05);
                    wide = wide.max((x * x + z * z * 0.7).sqrt());
                }
            }
        }
        (tall, wide)
    }
}

fn frame(angles: Vector) -> Frame {
    let turn = |point: Vector| {
        let (sin, cos) = angles.x.sin_cos();
        let point = v(point.x, point.y * cos - point.z * sin, point.y * sin + point.z * cos);
        let point = point.turned(angles.y.sin_cos());
        let (sin, cos) = angles.z.sin_cos();
        v(point.x * cos - point.y * sin, point.x * sin + point.y * cos, point.z)
    };
    [turn(v(1.0, 0.0, 0.0)), turn(v(0.0, 1.0, 0.0)), turn(v(0.0, 0.0, 1.0))]
}

/// A quarter turn.
const QUARTER: f32 = std::f32::consts::FRAC_PI_2;
/// Left and right.
const SIDES: [f32; 2] = [-1.0, 1.0];

fn ball(radius: f32) -> Shape {
    Shape::Ball { radius }
}

fn ellipsoid(x: f32, y: f32, z: f32) -> Shape {
    Shape::Ellipsoid { radii: v(x, y, z) }
}

fn block(x: f32, y: f32, z: f32, edge: f32) -> Shape {
    Shape::Block { half: v(x, y, z), edge }
}

fn capsule(end: Vector, from: f32, to: f32) -> Shape {
    Shape::Capsule { end, from, to }
}

fn ring(radius: f32, thickness: f32) -> Shape {
    Shape::Ring { radius, thickness }
}

fn cylinder(radius: f32, half: f32, edge: f32) -> Shape {
    Shape::Cylinder { radius, half, edge }
}

fn cone(below: f32, above: f32, half: f32, edge: f32) -> Shape {
    Shape::Cone { below, above, half, edge }
}
