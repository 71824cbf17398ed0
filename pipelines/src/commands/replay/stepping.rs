//! Stepping through an episode by keys.

use console::{Key, Term};
use starling_components::Fault;
use std::ops::Range;

/// What a key does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Move {
    To(usize),
    Leave,
}

const HELP: &str = "right/space: on   left: back   page up/down: ten   home/end   q: leave";

/// Shows frame after frame as keys say, until someone leaves.
///
/// # Errors
/// The terminal went away.
pub(super) fn step_through(frames: usize, frame: impl Fn(usize) -> String) -> Result<(), Fault> {
    let lost = |e: std::io::Error| Fault::run(format!("the terminal cannot be read: {e}"));
    let term = Term::stdout();
    let mut at = 0;
    loop {
        term.clear_screen().map_err(lost)?;
        term.write_line(&format!("{}\n{HELP}", frame(at))).map_err(lost)?;
        match after(&term.read_key().map_err(lost)?, at, frames) {
            Move::To(next) => at = next,
            Move::Leave => return Ok(()),
        }
    }
}

fn after(key: &Key, at: usize, frames: usize) -> Move {
    let last = frames.saturating_sub(1);
    Move::To(match key {
        Key::ArrowRight | Key::ArrowDown | Key::Enter | Key::Char(' ' | 'n' | 'l' | 'j') => (at + 1).min(last),
        Key::ArrowLeft | Key::ArrowUp | Key::Backspace | Key::Char('p' | 'h' | 'k') => at.saturating_sub(1),
        Key::PageDown => (at + 10).min(last),
        Key::PageUp => at.saturating_sub(10),
        Key::Home | Key::Char('g') => 0,
        Key::End | Key::Char('G') => last,
        Key::Char('q') | Key::Escape | Key::CtrlC | Key::Unknown => return Move::Leave,
        _ => at,
    })
}

/// `20..40`, `300..`, `..10`, `33`.
///
/// # Errors
/// Text that is no range of steps, or an empty one.
pub(super) fn parse_steps(text: &str) -> Result<Range<usize>, String> {
    let wrong = || format!("`{text}` is no range of steps, e.g. 20..40");
    let number = |part: &str, absent: usize| match part {
        "" => Ok(absent),
        _ => part.parse::<usize>().map_err(|_| wrong()),
    };
    let steps = match text.split_once("..") {
        Some((from, to)) => number(from, 0)?..number(to, usize::MAX)?,
        None => {
            let one = text.parse::<usize>().map_err(|_| wrong())?;
            one..one.saturating_add(1)
        }
    };
    if steps.is_empty() { Err(wrong()) } else { Ok(steps) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_stay_within_the_episode() {
        for (key, at, expected) in [
            (Key::ArrowRight, 0, Move::To(1)),
            (Key::Char(' '), 20, Move::To(20)),
            (Key::ArrowLeft, 0, Move::To(0)),
            (Key::ArrowLeft, 7, Move::To(6)),
            (Key::PageDown, 15, Move::To(20)),
            (Key::PageUp, 15, Move::To(5)),
            (Key::Home, 9, Move::To(0)),
            (Key::End, 9, Move::To(20)),
            (Key::Char('x'), 9, Move::To(9)),
            (Key::Char('q'), 9, Move::Leave),
            (Key::Escape, 9, Move::Leave),
        ] {
            assert_eq!(after(&key, at, 21), expected, "{key:?} at {at}");
        }
    }

    #[test]
    fn steps_are_a_number_or_a_range() {
        assert_eq!(parse_steps("20..40"), Ok(20..40));
        assert_eq!(parse_steps("33"), Ok(33..34));
        assert_eq!(parse_steps("..10"), Ok(0..10));
        assert_eq!(parse_steps("300.."), Ok(300..usize::MAX));
        for wrong in ["", "a", "5..5", "5..2", "1..b", "-1", "1...3"] {
            assert!(parse_steps(wrong).is_err(), "{wrong}");
        }
    }
}
