//! The games, one file or folder each, named as in `rules.<name>`.

pub mod acrobot;
pub mod cart_pole;
pub mod minatar;
pub mod mountain_car;
pub mod mountain_car_continuous;
pub mod overcooked_v1;
pub mod overcooked_v2;
pub mod pendulum;

mod canvas;
mod single;
