//! Where figures stand.

use crate::colour::Colour;

/// A place with its light.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// Craters, stars, the earth.
    Moon,
    /// Drifts and white hills.
    Snow,
    /// Sand and sea.
    Beach,
    /// A meadow with flowers.
    Meadow,
    /// Planks.
    WoodenFloor,
    /// White and coloured tiles.
    ChequeredFloor(Colour),
    /// Red bricks behind, grey ground.
    BrickWall,
    /// Dunes.
    Desert,
    /// Stars and a full moon over a blue ground.
    Night,
    /// A plain ground that rises into the background.
    Studio(Colour),
}

impl Place {
    /// One of each, those that have a colour in blue.
    pub const ALL: [Self; 10] = [
        Self::Moon,
        Self::Snow,
        Self::Beach,
        Self::Meadow,
        Self::WoodenFloor,
        Self::ChequeredFloor(Colour::Blue),
        Self::BrickWall,
        Self::Desert,
        Self::Night,
        Self::Studio(Colour::Blue),
    ];

    /// The colours of chequered floors.
    pub(crate) const TILES: [Colour; 5] = [Colour::Red, Colour::Blue, Colour::Green, Colour::Black, Colour::Yellow];
    /// The colours of studios.
    pub(crate) const STUDIOS: [Colour; 7] =
        [Colour::Blue, Colour::Pink, Colour::White, Colour::Yellow, Colour::Green, Colour::Grey, Colour::Red];

    /// Its name without a colour.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Moon => "moon",
            Self::Snow => "snow",
            Self::Beach => "beach",
            Self::Meadow => "meadow",
            Self::WoodenFloor => "wooden floor",
            Self::ChequeredFloor(_) => "chequered floor",
            Self::BrickWall => "brick wall",
            Self::Desert => "desert",
            Self::Night => "night",
            Self::Studio(_) => "studio",
        }
    }
}
