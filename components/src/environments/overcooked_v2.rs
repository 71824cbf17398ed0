//! `rules.overcooked_v2`.
