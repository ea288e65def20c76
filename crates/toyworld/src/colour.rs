//! The colours there are: few, and far apart, so that each can be told from the others and learnt by its name.

use names::names;

use crate::vector::{Vector, v};

names! {
    /// A colour of clothes and things.
    #[derive(PartialOrd, Ord)]
    pub enum Colour: "colour" {
        /// A signal red.
        Red = "red",
        /// A warm orange.
        Orange = "orange",
        /// A full yellow.
        Yellow = "yellow",
        /// A leaf green.
        Green = "green",
        /// A deep blue.
        Blue = "blue",
        /// A full violet.
        Violet = "violet",
        /// A light pink.
        Pink = "pink",
        /// A soft white.
        White = "white",
        /// Almost black.
        Black = "black",
        /// A dark brown: animals only, it is too near to skin and wood.
        Brown = "brown",
        /// A middle grey: animals and studios only.
        Grey = "grey",
    }
}

impl Colour {
    /// The colours of clothes and of painted things.
    pub const PAINTS: [Self; 9] = [
        Self::Red,
        Self::Orange,
        Self::Yellow,
        Self::Green,
        Self::Blue,
        Self::Violet,
        Self::Pink,
        Self::White,
        Self::Black,
    ];

    /// The share of red, green and blue light it returns.
    pub(crate) fn reflectance(self) -> Vector {
        match self {
            Self::Red => v(0.72, 0.025, 0.025),
            Self::Orange => v(0.92, 0.28, 0.02),
            Self::Yellow => v(0.92, 0.70, 0.05),
            Self::Green => v(0.05, 0.40, 0.08),
            Self::Blue => v(0.03, 0.14, 0.68),
            Self::Violet => v(0.27, 0.05, 0.52),
            Self::Pink => v(0.93, 0.33, 0.52),
            Self::White => v(0.86, 0.86, 0.84),
            Self::Black => v(0.018, 0.018, 0.022),
            Self::Brown => v(0.24, 0.10, 0.04),
            Self::Grey => v(0.28, 0.28, 0.30),
        }
    }
}

names! {
    /// A colour of hair.
    #[derive(PartialOrd, Ord)]
    pub enum HairColour: "hair colour" {
        /// Almost black.
        Black = "black",
        /// A chestnut brown.
        Brown = "brown",
        /// A light gold.
        Blonde = "blonde",
        /// A copper red.
        Red = "red",
        /// White as snow.
        White = "white",
        /// A doll's blue.
        Blue = "blue",
        /// A doll's violet.
        Violet = "violet",
    }
}

impl HairColour {
    /// As [`Colour::reflectance`].
    pub(crate) fn reflectance(self) -> Vector {
        match self {
            Self::Black => v(0.022, 0.018, 0.018),
            Self::Brown => v(0.16, 0.065, 0.025),
            Self::Blonde => v(0.82, 0.56, 0.17),
            Self::Red => v(0.58, 0.13, 0.025),
            Self::White => v(0.80, 0.80, 0.80),
            Self::Blue => v(0.05, 0.20, 0.64),
            Self::Violet => v(0.32, 0.06, 0.56),
        }
    }
}

names! {
    /// A tone of skin. Captions do not name it, as people's captions seldom do.
    #[derive(PartialOrd, Ord)]
    pub enum Skin: "skin" {
        /// The lightest.
        Fair = "fair",
        /// Between fair and brown.
        Olive = "olive",
        /// A middle brown.
        Brown = "brown",
        /// The darkest.
        Dark = "dark",
    }
}

impl Skin {
    /// As [`Colour::reflectance`].
    pub(crate) fn reflectance(self) -> Vector {
        match self {
            Self::Fair => v(0.88, 0.60, 0.46),
            Self::Olive => v(0.78, 0.48, 0.33),
            Self::Brown => v(0.48, 0.25, 0.14),
            Self::Dark => v(0.26, 0.12, 0.065),
        }
    }
}
