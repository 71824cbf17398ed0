//! Shapes become pixels: one byte per pixel, an index into the palette. No smoothing, so that the same picture is the same bytes everywhere.

pub(crate) mod gif;
mod glyphs;

use starling_components::picture::{Colour, Picture, Shape};

/// Indices into [`starling_components::picture::PALETTE`], row by row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Pixels {
    pub(crate) width: u16,
    pub(crate) height: u16,
    pub(crate) indices: Vec<u8>,
}

impl Pixels {
    /// The picture, each of its pixels `scale` wide and high.
    pub(crate) fn of(picture: &Picture, scale: u16) -> Self {
        let (width, height) = (
            picture.width.saturating_mul(scale),
            picture.height.saturating_mul(scale),
        );
        let mut pixels = Self {
            width,
            height,
            indices: vec![picture.background.index(); usize::from(width) * usize::from(height)],
        };
        for shape in &picture.shapes {
            pixels.draw(shape, i32::from(scale));
        }
        pixels
    }

    fn draw(&mut self, shape: &Shape, scale: i32) {
        let scaled = |[x, y]: [i32; 2]| [x * scale, y * scale];
        match shape {
            Shape::Rectangle { at, size, colour } => self.rectangle(scaled(*at), scaled(*size), *colour),
            Shape::Disc { at, radius, colour } => self.disc(scaled(*at), radius * scale, *colour),
            Shape::Line {
                from,
                to,
                width,
                colour,
            } => {
                let ([x, y], [to_x, to_y]) = (scaled(*from), scaled(*to));
                let steps = (to_x - x).abs().max((to_y - y).abs()).max(1);
                for step in 0..=steps {
                    let at = [x + (to_x - x) * step / steps, y + (to_y - y) * step / steps];
                    self.disc(at, width * scale / 2, *colour);
                }
            }
            Shape::Text { at, dot, text, colour } => {
                let (dot, [x, y]) = (dot * scale, scaled(*at));
                for (place, letter) in (0..).zip(text.chars()) {
                    for [column, row] in glyphs::dots(letter) {
                        let at = [x + (4 * place + column) * dot, y + row * dot];
                        self.rectangle(at, [dot, dot], *colour);
                    }
                }
            }
        }
    }

    fn rectangle(&mut self, [x, y]: [i32; 2], [width, height]: [i32; 2], colour: Colour) {
        let columns = clip(x, x.saturating_add(width), self.width);
        for row in clip(y, y.saturating_add(height), self.height) {
            let start = row * usize::from(self.width);
            self.indices[start + columns.start..start + columns.end].fill(colour.index());
        }
    }

    fn disc(&mut self, [x, y]: [i32; 2], radius: i32, colour: Colour) {
        for row in clip(y - radius, y + radius + 1, self.height) {
            let dy = row as i32 - y;
            for column in clip(x - radius, x + radius + 1, self.width) {
                let dx = column as i32 - x;
                // Half a radius more than its square: without it the rim has four single pixels that stick out.
                if dx * dx + dy * dy <= radius * radius + radius / 2 {
                    self.indices[row * usize::from(self.width) + column] = colour.index();
                }
            }
        }
    }
}

/// The part of `from..to` that lies in `0..side`.
fn clip(from: i32, to: i32, side: u16) -> std::ops::Range<usize> {
    let side = i32::from(side);
    let (from, to) = (from.clamp(0, side), to.clamp(0, side));
    from as usize..to.max(from) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The picture as rows of `.` (background) and `#`.
    fn check(picture: &Picture, scale: u16, expected: &[&str]) {
        let pixels = Pixels::of(picture, scale);
        let rows = pixels.indices.chunks(usize::from(pixels.width));
        let rows: Vec<String> = rows
            .map(|row| {
                row.iter()
                    .map(|i| if *i == Colour::Black.index() { '#' } else { '.' })
                    .collect()
            })
            .collect();
        assert_eq!(rows, expected);
    }

    #[test]
    fn shapes_cover_their_pixels_and_are_cut_at_the_edge() {
        let mut picture = Picture::new(7, 5, Colour::White);
        picture.rectangle([-2, 3], [4, 9], Colour::Black);
        picture.disc([5, 1], 1, Colour::Black);
        check(&picture, 1, &[".....#.", "....###", ".....#.", "##.....", "##....."]);
        let mut disc = Picture::new(5, 5, Colour::White);
        disc.disc([2, 2], 2, Colour::Black);
        check(&disc, 1, &[".###.", "#####", "#####", "#####", ".###."]);
    }

    #[test]
    fn text_is_a_grid_of_dots_and_scales() {
        let mut picture = Picture::new(7, 5, Colour::White);
        picture.text([0, 0], 1, "1t", Colour::Black);
        check(&picture, 1, &[".#..###", "##...#.", ".#...#.", ".#...#.", "###..#."]);
        let mut point = Picture::new(2, 1, Colour::White);
        point.rectangle([1, 0], [1, 1], Colour::Black);
        check(&point, 2, &["..##", "..##"]);
    }
}
