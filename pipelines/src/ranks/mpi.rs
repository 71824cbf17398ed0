//! Ranks as processes that MPI connects. One thread of a process speaks, at one time.

use mpi::Threading;
use mpi::environment::Universe;
use mpi::topology::SimpleCommunicator;
use mpi::traits::{Communicator, Destination, Source};
use starling_components::Fault;
use starling_components::ranks::{Carrier, Ranks};
use std::cell::RefCell;
use std::sync::{Arc, Mutex, PoisonError};

/// Bytes of one piece of a message: MPI counts in 31 bits. A piece that is shorter is the last.
const PIECE: usize = 1 << 30;

thread_local! {
    /// MPI ends when this is dropped, by the thread that began it.
    static UNIVERSE: RefCell<Option<Universe>> = const { RefCell::new(None) };
}

/// Connects with the processes that were started together with this one.
///
/// # Errors
/// MPI does not start, or not in a form that several threads may use in turn.
pub(super) fn connect() -> Result<Ranks, Fault> {
    let refused = |what: &str| {
        let fault = Fault::run(format!("MPI does not start: {what}"));
        fault.advise("start the program with `mpirun`, or say `--ranks one`")
    };
    let Some((universe, threading)) = mpi::initialize_with_threading(Threading::Serialized) else {
        return Err(refused("it was started before in this process"));
    };
    let world = universe.world();
    let connected = World {
        rank: world.rank() as usize,
        size: world.size() as usize,
        turn: Mutex::new(()),
    };
    UNIVERSE.with_borrow_mut(|kept| *kept = Some(universe));
    if threading < Threading::Serialized {
        return Err(refused("it serves a single thread only"));
    }
    Ok(Ranks::of(Arc::new(connected)))
}

/// Ends MPI, once all others do.
pub(super) fn leave() {
    drop(UNIVERSE.take());
}

struct World {
    rank: usize,
    size: usize,
    /// Held while MPI is spoken to.
    turn: Mutex<()>,
}

impl Carrier for World {
    fn rank(&self) -> usize {
        self.rank
    }
    fn size(&self) -> usize {
        self.size
    }
    fn send(&self, to: usize, bytes: &[u8]) -> Result<(), Fault> {
        let _turn = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
        let other = SimpleCommunicator::world();
        let other = other.process_at_rank(to as i32);
        let mut pieces = bytes.chunks(PIECE);
        let mut last = PIECE;
        while last == PIECE {
            let piece = pieces.next().unwrap_or_default();
            other.send(piece);
            last = piece.len();
        }
        Ok(())
    }
    fn receive(&self, from: usize) -> Result<Vec<u8>, Fault> {
        let _turn = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
        let other = SimpleCommunicator::world();
        let other = other.process_at_rank(from as i32);
        let (mut message, _) = other.receive_vec::<u8>();
        let mut last = message.len();
        while last == PIECE {
            let (piece, _) = other.receive_vec::<u8>();
            last = piece.len();
            message.extend_from_slice(&piece);
        }
        Ok(message)
    }
    fn abort(&self, why: &str) {
        eprintln!("error: rank {} of {}: {why}", self.rank, self.size);
        SimpleCommunicator::world().abort(1);
    }
}
