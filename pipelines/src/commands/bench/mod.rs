//! `starling bench`: how fast environments step, on the processor and on a device, what an optimiser step takes, how fast a pipeline trains and where its
//! time goes, and what recording costs.

mod clock;
mod environments;
mod gpu;
mod learner;
#[cfg(feature = "query")]
mod query;
mod recording;
mod train;

use super::Context;
use crate::engine::Starling;
use crate::exit::Exit;
use crate::problem::Problems;
use clap::{Args, Subcommand};
use serde_json::Value;

/// What to measure.
#[derive(Debug, Args)]
pub(crate) struct BenchArgs {
    /// Environments, if not given
    #[command(subcommand)]
    what: Option<What>,
    /// The same as `bench gpu`
    #[arg(long)]
    gpu: bool,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Steps per second of one core, observations written, random actions
    Environments(environments::EnvironmentsArgs),
    /// Steps per second of kernels on the device, observations written, random actions; and a population of policies
    Gpu(gpu::GpuArgs),
    /// One optimiser step of PPO for networks of several kinds: time, and the fraction of this machine's rate of products
    Learner(learner::LearnerArgs),
    /// Questions about thousands of synthetic runs: time, and peak memory
    #[cfg(feature = "query")]
    Query(query::QueryArgs),
    /// What recording every step costs a training, with and without observations; medians over rounds
    Recording(recording::RecordingArgs),
    /// Environment steps per second of a training, recording included, and where a tick's time goes
    Train(train::TrainArgs),
}

pub(crate) fn run(starling: &Starling, context: Context, args: BenchArgs) -> Result<Exit, Problems> {
    let by_default = || match args.gpu {
        true => What::Gpu(gpu::GpuArgs::default()),
        false => What::Environments(environments::EnvironmentsArgs::default()),
    };
    let rows = match args.what.unwrap_or_else(by_default) {
        What::Environments(args) => environments::rows(starling, context, &args)?,
        What::Gpu(args) => gpu::rows(starling, context, &args)?,
        What::Learner(args) => learner::rows(starling, context, &args)?,
        #[cfg(feature = "query")]
        What::Query(args) => query::rows(context, &args)?,
        What::Recording(args) => recording::rows(starling, context, &args)?,
        What::Train(args) => train::rows(starling, context, &args)?,
    };
    if context.json {
        context.data(&format!("{:#}\n", Value::Array(rows)));
    }
    Ok(Exit::Finished)
}
