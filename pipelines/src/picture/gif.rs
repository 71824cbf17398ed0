//! Frames as an animated GIF that repeats. Every picture gets a caption below it.

use super::Pixels;
use gif::{Encoder, Frame, Repeat};
use starling_components::Fault;
use starling_components::picture::{Colour, PALETTE, Picture};

/// Height of the caption in pixels of the picture.
const CAPTION: u16 = 16;
/// Pictures narrower than this are drawn at twice their size.
const NARROW: u16 = 240;
/// The last frame stays for so many hundredths of a second.
const LAST: u16 = 200;

/// The bytes of an animation of `frames`, each a picture and its caption, shown for `delay_ms` each.
///
/// # Errors
/// No frame, or frames of different sizes.
pub(crate) fn animation(frames: &[(&Picture, String)], delay_ms: u64) -> Result<Vec<u8>, Fault> {
    let failed = |why: &dyn std::fmt::Display| Fault::run(format!("the pictures make no GIF: {why}"));
    let Some((first, _)) = frames.first() else {
        return Err(failed(&"there is none"));
    };
    let scale = if first.width < NARROW { 2 } else { 1 };
    let (width, height) = (first.width, first.height.saturating_add(CAPTION));
    let palette: Vec<u8> = PALETTE.iter().flatten().copied().collect();
    let mut bytes = Vec::new();
    let (pixels_wide, pixels_high) = (width.saturating_mul(scale), height.saturating_mul(scale));
    let mut encoder = Encoder::new(&mut bytes, pixels_wide, pixels_high, &palette).map_err(|e| failed(&e))?;
    encoder.set_repeat(Repeat::Infinite).map_err(|e| failed(&e))?;
    // GIF counts hundredths of a second, and viewers slow anything below two of them down.
    let delay = u16::try_from(delay_ms / 10).unwrap_or(u16::MAX).max(2);
    let mut shown: Option<Pixels> = None;
    for (number, (picture, caption)) in frames.iter().enumerate() {
        if (picture.width, picture.height) != (first.width, first.height) {
            return Err(failed(&"their sizes differ"));
        }
        let mut whole = Picture {
            height,
            ..(*picture).clone()
        };
        let below = i32::from(picture.height);
        whole.rectangle([0, below], [i32::from(width), i32::from(CAPTION)], Colour::Black);
        whole.text([4, below + 5], 1, caption.as_str(), Colour::White);
        let pixels = Pixels::of(&whole, scale);
        let [left, top, width, height] = changed(shown.as_ref(), &pixels);
        let last = number + 1 == frames.len();
        let frame = Frame {
            left,
            top,
            width,
            height,
            buffer: cut(&pixels, [left, top, width, height]).into(),
            delay: if last { LAST.max(delay) } else { delay },
            ..Frame::default()
        };
        shown = Some(pixels);
        encoder.write_frame(&frame).map_err(|e| failed(&e))?;
    }
    drop(encoder);
    Ok(bytes)
}

/// Left, top, width and height of what differs from the picture before, so that a frame is a small part of a large kitchen; all of the first.
fn changed(before: Option<&Pixels>, now: &Pixels) -> [u16; 4] {
    let Some(before) = before else {
        return [0, 0, now.width, now.height];
    };
    let width = usize::from(now.width);
    let (mut low, mut high) = ([u16::MAX; 2], [0; 2]);
    for (at, _) in before
        .indices
        .iter()
        .zip(&now.indices)
        .enumerate()
        .filter(|(_, (a, b))| a != b)
    {
        // Both are sides of the picture at most.
        let place = [(at % width) as u16, (at / width) as u16];
        for side in 0..2 {
            low[side] = low[side].min(place[side]);
            high[side] = high[side].max(place[side] + 1);
        }
    }
    if low[0] > high[0] {
        return [0, 0, 1, 1];
    }
    [low[0], low[1], high[0] - low[0], high[1] - low[1]]
}

fn cut(pixels: &Pixels, [left, top, width, height]: [u16; 4]) -> Vec<u8> {
    let rows = pixels.indices.chunks(usize::from(pixels.width).max(1));
    let rows = rows.skip(usize::from(top)).take(usize::from(height));
    rows.flat_map(|row| &row[usize::from(left)..usize::from(left) + usize::from(width)])
        .copied()
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_animation_reads_back_as_the_pictures_that_it_was_made_of() {
        // The second differs in one pixel of the picture, the third everywhere, the last not at all.
        let mut pictures = vec![Picture::new(20, 10, Colour::Red); 2];
        pictures[1].rectangle([7, 3], [1, 1], Colour::Blue);
        pictures.extend(vec![Picture::new(20, 10, Colour::Lime); 2]);
        let frames: Vec<_> = pictures.iter().map(|p| (p, "step 1".to_owned())).collect();
        let bytes = animation(&frames, 120).expect("pictures of one size");
        let mut options = gif::DecodeOptions::new();
        options.set_color_output(gif::ColorOutput::Indexed);
        let mut decoder = options.read_info(&bytes[..]).expect("a GIF");
        assert_eq!((decoder.width(), decoder.height()), (40, 52));
        let (mut canvas, mut delays, mut sizes) = (vec![0; 40 * 52], Vec::new(), Vec::new());
        for (picture, caption) in &frames {
            let frame = decoder.read_next_frame().expect("a frame").expect("one per picture");
            let rows = frame
                .buffer
                .chunks(usize::from(frame.width))
                .zip(usize::from(frame.top)..);
            for (row, y) in rows {
                canvas[y * 40 + usize::from(frame.left)..][..row.len()].copy_from_slice(row);
            }
            delays.push(frame.delay);
            sizes.push((frame.width, frame.height));
            assert_eq!(canvas[..40 * 20], Pixels::of(picture, 2).indices[..]);
            assert!(
                !caption.is_empty() && canvas[40 * 20..].contains(&Colour::White.index()),
                "a caption"
            );
        }
        assert_eq!(delays, [12, 12, 12, 200]);
        assert_eq!(sizes, [(40, 52), (2, 2), (40, 20), (1, 1)]);
        assert!(decoder.read_next_frame().expect("an end").is_none());
        let other = Picture::new(21, 10, Colour::Red);
        assert!(animation(&[(&pictures[0], String::new()), (&other, String::new())], 1).is_err());
    }
}
