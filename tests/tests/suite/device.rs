//! Kernels against the processor: the same states, observations, rewards and flags, bit for bit where a world is integer.
//!
//! They run on whatever adapter `STARLING_ADAPTER` chooses, Mesa's software adapter in CI. Without one they say that they show nothing, and fail
//! where `STARLING_REQUIRE_ADAPTER` is set.

mod classic_control;
mod faults;
mod generator;
mod golden;
mod lockstep;
mod minatar;
mod overcooked;
mod policy;
mod population;
mod runs;
mod valid;

use starling_shaders::Gpu;
use starling_tests::golden::say;
use std::sync::{Arc, OnceLock};

/// The one device of all tests; `None`, loudly, where there is none.
pub(crate) fn gpu() -> Option<&'static Arc<Gpu>> {
    static GPU: OnceLock<Option<Arc<Gpu>>> = OnceLock::new();
    let gpu = GPU.get_or_init(|| match Gpu::open() {
        Ok(gpu) => {
            say(&format!("kernels run on {}", gpu.report()));
            Some(gpu)
        }
        Err(fault) if std::env::var_os("STARLING_REQUIRE_ADAPTER").is_some() => panic!("{}", fault.message),
        Err(fault) => {
            say(&format!("no kernel is compared with anything: {}", fault.message));
            None
        }
    });
    gpu.as_ref()
}
