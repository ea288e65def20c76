//! A world of smooth toys in places, which renders itself, with captions that are exactly true: kind × colours × hair ×
//! clothes × place × framing. The embedded miniature learns to draw from it, and the demo's concepts live in it.
//!
//! A [`Description`] is what is to be seen; [`Description::caption`] says it in words and [`Description::render`] draws it.
//! [`World`] draws descriptions from a seed, without the combinations of [`held_out`], which no training sees.
//! Everything follows from seeds, with the arithmetic of `f32` in a fixed order: a picture is the same on every processor
//! whose mathematical library rounds the same.

mod caption;
mod chance;
mod colour;
pub mod daiton;
mod description;
mod figure;
pub mod held_out;
mod look;
mod noise;
mod place;
pub mod red_robot;
mod shape;
mod stage;
mod vector;
mod world;

pub use colour::{Colour, HairColour, Skin};
pub use description::{Attribute, Description, Framing, HairStyle, Person, PersonKind, Subject, Thing, ThingKind};
pub use held_out::HeldOut;
pub use names::Name;
pub use place::Place;
pub use world::World;
