//! A plot as SVG. Its colours are the page's style's, so that they change with it.

use std::fmt::Write as _;

use maud::{Markup, html};

use super::axis::Axis;
use super::numbers::{grouped, three_digits};
use super::reduce::Point;

/// Width and height, in units of about a pixel.
const SIZE: (f64, f64) = (480.0, 230.0);
/// Room left, above, right and below the curves, for labels.
const MARGIN: (f64, f64, f64, f64) = (54.0, 10.0, 14.0, 40.0);

/// A plot over the steps of a stage.
#[derive(Debug)]
pub(super) struct Plot<'a> {
    /// Unlike that of any other plot of the page.
    pub(super) id: String,
    pub(super) title: &'a str,
    /// What a reader would say of it who cannot show it.
    pub(super) description: String,
    pub(super) x: Axis,
    pub(super) y: Axis,
    /// In the order in which they are drawn.
    pub(super) lines: Vec<Line<'a>>,
}

/// A curve.
#[derive(Debug)]
pub(super) struct Line<'a> {
    pub(super) name: &'a str,
    /// Its class in the style: its colour and width.
    pub(super) class: &'a str,
    pub(super) points: Vec<Point>,
    /// Whether each point is marked, because there are few.
    pub(super) marked: bool,
}

impl Plot<'_> {
    pub(super) fn figure(&self) -> Markup {
        let (title, description) = (format!("{}-title", self.id), format!("{}-desc", self.id));
        html! {
            figure.plot {
                figcaption {
                    span.name { (self.title) }
                    @for line in self.lines.iter().filter(|line| !line.name.is_empty()) {
                        span class=(format!("key {}", line.class)) { (line.name) }
                    }
                }
                svg viewBox=(format!("0 0 {} {}", SIZE.0, SIZE.1)) role="img" aria-labelledby=(format!("{title} {description}")) {
                    title id=(title) { (self.title) }
                    desc id=(description) { (self.description) }
                    (self.axes())
                    @for line in &self.lines { (self.curve(line)) }
                }
            }
        }
    }

    fn axes(&self) -> Markup {
        let (left, right, bottom) = (MARGIN.0, SIZE.0 - MARGIN.2, SIZE.1 - MARGIN.3);
        html! {
            g.axes aria-hidden="true" {
                @for (value, label) in &self.y.ticks {
                    @if let Some(y) = self.height(*value) {
                        line x1=(left) x2=(right) y1=(y) y2=(y) {}
                        text.y x=(left - 8.0) y=(y + 4.0) { (label) }
                    }
                }
                @for (value, label) in &self.x.ticks {
                    @if let Some(x) = self.breadth(*value) {
                        text.x x=(x) y=(bottom + 18.0) { (label) }
                    }
                }
                text.x x=((left + right) / 2.0) y=(bottom + 35.0) { "step" }
            }
        }
    }

    fn curve(&self, line: &Line<'_>) -> Markup {
        let marks = if line.marked { line.points.as_slice() } else { &[] };
        html! {
            path class=(line.class) d=(self.path(&line.points)) {}
            @for &(step, value) in marks {
                @if let (Some(x), Some(y)) = (self.breadth(step), self.height(value)) {
                    circle class=(line.class) cx=(x) cy=(y) r="3.5" {
                        title { "Step " (grouped(step as u64)) ": " (three_digits(value)) }
                    }
                }
            }
        }
    }

    /// The curve through all points that are somewhere; it is interrupted where one is not.
    fn path(&self, points: &[Point]) -> String {
        let mut path = String::new();
        let mut pen_down = false;
        for &(step, value) in points {
            let (Some(x), Some(y)) = (self.breadth(step), self.height(value)) else {
                pen_down = false;
                continue;
            };
            // `h0` makes a point of a curve that ends where it begins.
            let command = if pen_down { format!("L{x} {y}") } else { format!("M{x} {y}h0") };
            let _never = path.write_str(&command);
            pen_down = true;
        }
        path
    }

    /// Where a step lies, in tenths of a pixel, as are all places: finer is not seen.
    fn breadth(&self, step: f64) -> Option<f64> {
        let width = SIZE.0 - MARGIN.0 - MARGIN.2;
        self.x.place(step).map(|place| tenths(MARGIN.0 + place * width))
    }

    fn height(&self, value: f64) -> Option<f64> {
        let height = SIZE.1 - MARGIN.1 - MARGIN.3;
        self.y.place(value).map(|place| tenths(MARGIN.1 + (1.0 - place) * height))
    }
}

fn tenths(length: f64) -> f64 {
    (length * 10.0).round() / 10.0
}
