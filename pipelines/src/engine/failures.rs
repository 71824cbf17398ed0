//! Systems that panic or whose parameters are missing: bugs, kept as faults so that the run ends with an error instead of a crash.

use bevy_ecs::error::{BevyError, ErrorContext};
use starling_components::Fault;
use std::cell::RefCell;

thread_local! {
    /// The error handler gets no world; one thread walks a schedule, so this is that world's.
    static KEPT: RefCell<Vec<Fault>> = const { RefCell::new(Vec::new()) };
}

/// The error handler of every world.
pub(crate) fn keep(mut error: BevyError, context: ErrorContext) {
    let what = match error.take_payload() {
        Some(payload) => {
            let text = payload.downcast_ref::<&str>().map(|s| (*s).to_owned());
            let text = text.or_else(|| payload.downcast_ref::<String>().cloned());
            format!("panicked: {}", text.unwrap_or_else(|| "no message".into()))
        }
        None => error.to_string(),
    };
    let message = format!("{} `{}` {}", context.kind(), context.name(), what.trim());
    let fault = Fault::run(message)
        .advise("this is a bug: report it with the pipeline; the run can be resumed from its last commit");
    put(fault);
}

/// Keeps one more.
pub(crate) fn put(fault: Fault) {
    KEPT.with_borrow_mut(|kept| kept.push(fault));
}

/// Something was kept.
pub(crate) fn any() -> bool {
    KEPT.with_borrow(|kept| !kept.is_empty())
}

/// Takes what was kept.
pub(crate) fn take() -> Vec<Fault> {
    KEPT.take()
}
