//! The games, one file or folder each, named as in `rules.<name>`.

pub mod cart_pole;
pub mod overcooked_v2;
