//! SIGINT, SIGTERM and SIGUSR1 ask the run to stop: it finishes the tick, commits and leaves. A second Ctrl-C leaves at once, and the run
//! can be resumed from its last commit.

use crate::exit::Exit;
use signal_hook::consts::{SIGINT, SIGTERM, SIGUSR1};
use starling_components::Fault;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Whether a stop was asked for.
#[derive(Debug, Clone, Default)]
pub struct Signals(Arc<AtomicBool>);

impl Signals {
    /// Listens from now on.
    ///
    /// # Errors
    /// The system refuses the handlers.
    pub fn listen() -> Result<Self, Fault> {
        let asked = Self::default();
        let refused = |e: std::io::Error| Fault::run(format!("cannot listen to signals: {e}"));
        // Order matters: the shutdown looks at the flag before this Ctrl-C sets it.
        let interrupted = Arc::new(AtomicBool::new(false));
        let code = i32::from(Exit::Interrupted.code());
        signal_hook::flag::register_conditional_shutdown(SIGINT, code, interrupted.clone()).map_err(refused)?;
        signal_hook::flag::register(SIGINT, interrupted).map_err(refused)?;
        for signal in [SIGINT, SIGTERM, SIGUSR1] {
            signal_hook::flag::register(signal, asked.0.clone()).map_err(refused)?;
        }
        Ok(asked)
    }

    /// A stop was asked for.
    pub fn asked(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}
