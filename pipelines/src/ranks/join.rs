//! Whether this process shares its run with others, and with whom.

use crate::engine::Starling;
use clap::ValueEnum;
use starling_components::Fault;
use starling_components::ranks::Ranks;

/// How processes of one run find each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum Choice {
    /// By MPI where `mpirun` or a like program started this process, else alone
    #[default]
    Auto,
    /// By MPI
    Mpi,
    /// Alone, whoever started it
    One,
}

/// Says how many processes one launcher started, in the variables of Open MPI and of those that follow PMI (MPICH, Slurm).
const SIZES: &[&str] = &["OMPI_COMM_WORLD_SIZE", "PMI_SIZE"];

/// The processes that a launcher started, as far as its variables tell.
fn launched() -> Option<usize> {
    let size = |name: &&str| std::env::var(name).ok()?.parse().ok();
    SIZES.iter().find_map(size)
}

/// Processes on this machine, as far as the launcher tells: they share its cores.
pub(crate) fn on_this_machine() -> usize {
    let told = std::env::var("OMPI_COMM_WORLD_LOCAL_SIZE").ok();
    told.and_then(|size| size.parse().ok()).unwrap_or(1).max(1)
}

/// The ranks of the run that this process is about to do.
///
/// # Errors
/// A launcher started several processes, and this build has no MPI.
pub fn join(starling: &Starling, choice: Choice) -> Result<Ranks, Fault> {
    let given = starling.ranks();
    if given.several() || choice == Choice::One {
        return Ok(given.clone());
    }
    match (choice, launched()) {
        (Choice::Mpi, _) | (_, Some(2..)) => connect(),
        _ => Ok(Ranks::default()),
    }
}

/// Refuses several processes, for what only one can do.
///
/// # Errors
/// A launcher started several, or is said to.
pub(crate) fn alone(choice: Choice) -> Result<(), Fault> {
    let several = match choice {
        Choice::One => false,
        Choice::Mpi => true,
        Choice::Auto => launched().is_some_and(|size| size > 1),
    };
    if !several {
        return Ok(());
    }
    let fault = Fault::pipeline("several processes can share `starling run` and `starling resume` only");
    Err(fault.advise("start one process, or say `--ranks one` if each of them has something of its own to do"))
}

/// Says goodbye to the others, after the last word was said: a launcher may end everyone when the first process leaves.
pub fn leave() {
    #[cfg(feature = "mpi")]
    super::mpi::leave();
}

#[cfg(feature = "mpi")]
fn connect() -> Result<Ranks, Fault> {
    super::mpi::connect()
}

#[cfg(not(feature = "mpi"))]
fn connect() -> Result<Ranks, Fault> {
    let fault = Fault::pipeline("several processes were started for one run, and this build has no MPI");
    Err(fault.advise(
        "build with `cargo build --release --features mpi` (docs/ranks.md), or say `--ranks one` if each of them is a run of its own",
    ))
}
