//! Distributions over actions, as plain functions of one row's numbers.

pub mod action_values;
pub mod categorical;
pub mod categorical_rows;
pub mod gaussian;
