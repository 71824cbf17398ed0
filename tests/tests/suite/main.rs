//! Every test that needs more than one crate, in one binary: one module per subject.

mod acrobot;
mod cart_pole;
mod classic_control;
mod exactness;
mod faults;
mod greedy_cook;
mod guides;
mod jaxmarl;
mod learning;
mod mountain_car;
mod mountain_car_continuous;
mod normalize;
mod outside;
mod overcooked_v1;
mod overcooked_v2;
mod parquet_table;
mod pendulum;
mod pipeline_file;
mod record;
mod reference;
mod rows;
mod seeing;
mod terminal;
