//! Bytes that are a picture.

/// A picture: red, green and blue of each pixel, row by row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Picture {
    width: usize,
    height: usize,
    rgb: Vec<u8>,
}

impl Picture {
    /// `rgb` as a picture of this size; `None` where it has no pixels, or there are not three bytes to each.
    #[must_use]
    pub fn new(width: usize, height: usize, rgb: Vec<u8>) -> Option<Self> {
        let bytes = width.checked_mul(height)?.checked_mul(3)?;
        (bytes > 0 && bytes == rgb.len()).then_some(Self { width, height, rgb })
    }

    /// Its width in pixels, at least 1.
    #[must_use]
    pub fn width(&self) -> usize {
        self.width
    }

    /// Its height in pixels, at least 1.
    #[must_use]
    pub fn height(&self) -> usize {
        self.height
    }

    /// Three bytes to each pixel, row by row.
    #[must_use]
    pub fn rgb(&self) -> &[u8] {
        &self.rgb
    }

    /// The part of this size in the middle. Where the picture is smaller, it has a black frame, which is wider at the top and
    /// on the left if it cannot be even: transformers' `center_crop`.
    #[must_use]
    pub(super) fn cropped(&self, width: usize, height: usize) -> Self {
        let (left, top) = (begin(self.width, width), begin(self.height, height));
        let mut rgb = vec![0; 3 * width * height];
        for (y, row) in rgb.chunks_exact_mut(3 * width).enumerate() {
            for (x, pixel) in row.chunks_exact_mut(3).enumerate() {
                let from = (x + left.skipped).checked_sub(left.frame).zip((y + top.skipped).checked_sub(top.frame));
                if let Some((x, y)) = from.filter(|&(x, y)| x < self.width && y < self.height) {
                    let at = 3 * (x + y * self.width);
                    pixel.copy_from_slice(&self.rgb[at..at + 3]);
                }
            }
        }
        Self { width, height, rgb }
    }
}

/// Where a cut begins: how many pixels of the picture are skipped, and how many of the frame come before it.
struct Begin {
    skipped: usize,
    frame: usize,
}

fn begin(length: usize, cut: usize) -> Begin {
    Begin { skipped: length.saturating_sub(cut) / 2, frame: cut.saturating_sub(length).div_ceil(2) }
}
