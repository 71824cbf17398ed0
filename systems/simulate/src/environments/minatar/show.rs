//! A board for people: letters and coloured cells, from what the seat sees.

use super::game::SIDE;
use starling_components::picture::{Colour, Picture};

/// How a channel looks: its letter, its colour. Channels that come later lie on earlier ones.
pub(super) type Look = (usize, char, Colour);

/// Pixels of a cell's side.
const CELL: i32 = 16;

/// The topmost of `looks` in every cell.
fn topmost<'a>(seen: &'a [u8], looks: &'a [Look]) -> impl Iterator<Item = Option<&'a Look>> {
    let channels = seen.len() / (SIDE * SIDE);
    let top = move |cell: &'a [u8]| looks.iter().rev().find(|(channel, ..)| cell[*channel] != 0);
    seen.chunks_exact(channels.max(1)).map(top)
}

/// Ten lines of ten letters, each cell two wide, and a line that says `more`.
pub(super) fn text(seen: &[u8], looks: &[Look], more: &str) -> String {
    let letters: Vec<char> = topmost(seen, looks)
        .map(|look| look.map_or('.', |look| look.1))
        .collect();
    let mut lines: String = letters
        .chunks(SIDE)
        .map(|row| {
            let row: Vec<String> = row.iter().map(char::to_string).collect();
            format!("{}\n", row.join(" "))
        })
        .collect();
    lines.push_str(more);
    lines.push('\n');
    lines
}

/// The board, with a strip above it that says `more`.
pub(super) fn picture(seen: &[u8], looks: &[Look], more: &str) -> Picture {
    const STRIP: i32 = 12;
    let side = SIDE as i32 * CELL;
    let mut picture = Picture::new(side as u16, (side + STRIP) as u16, Colour::Black);
    picture.text([3, 4], 1, more.to_uppercase(), Colour::Silver);
    for (cell, look) in topmost(seen, looks).enumerate() {
        let (x, y) = ((cell % SIDE) as i32, (cell / SIDE) as i32);
        let colour = look.map_or(Colour::Charcoal, |look| look.2);
        picture.rectangle([x * CELL, y * CELL + STRIP], [CELL - 1, CELL - 1], colour);
    }
    picture
}
