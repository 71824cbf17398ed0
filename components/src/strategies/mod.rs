//! Settings of the strategies of evolutions, one file each.

pub mod open_es;
