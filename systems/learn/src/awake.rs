//! Threads that wait for work without going to sleep.
//!
//! An update of a small network is cut into pieces of some ten microseconds, and a sleeping thread takes longer than that to wake. So, where
//! fewer replicas learn than there are threads, the idle ones keep looking for work until the update is done. They decide nothing.

use std::sync::atomic::{AtomicBool, Ordering};

/// Most threads that look.
const MOST: usize = 3;

/// Looks in vain after which a thread lets others run, if there are any.
const PATIENCE: u32 = 200;

/// Calls `learn`, which keeps `busy` threads busy by itself.
pub(crate) fn keep_awake<T: Send>(busy: usize, learn: impl FnOnce() -> T + Send) -> T {
    let idle = rayon::current_num_threads().saturating_sub(busy).min(MOST);
    if idle == 0 {
        return learn();
    }
    let done = AtomicBool::new(false);
    rayon::scope(|scope| {
        // Threads take the oldest work first, so whoever is idle takes one of these before anything that `learn` shares out; this thread,
        // which waits only for what others took, never does.
        for _ in 0..idle {
            scope.spawn(|_| look_for_work(&done));
        }
        let _done = Done(&done);
        learn()
    })
}

/// Tells those who look that there will be nothing more, also when a panic passes by.
struct Done<'a>(&'a AtomicBool);

impl Drop for Done<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Release);
    }
}

fn look_for_work(done: &AtomicBool) {
    let mut in_vain = 0;
    while !done.load(Ordering::Acquire) {
        if rayon::yield_now() == Some(rayon::Yield::Executed) {
            in_vain = 0;
        } else if in_vain < PATIENCE {
            in_vain += 1;
            std::hint::spin_loop();
        } else {
            in_vain = 0;
            std::thread::yield_now();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rayon::prelude::*;

    fn check(threads: usize, busy: usize) {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        let sum = pool.install(|| {
            keep_awake(busy, || {
                (0..200)
                    .map(|round| (0..8_u64).into_par_iter().map(|i| i * round).sum::<u64>())
                    .sum::<u64>()
            })
        });
        assert_eq!(sum, 28 * 199 * 100, "{threads} threads, {busy} busy");
    }

    #[test]
    fn work_is_done_by_any_number_of_threads() {
        for threads in 1..6 {
            for busy in 1..4 {
                check(threads, busy);
            }
        }
    }

    #[test]
    fn a_panic_lets_everyone_go() {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(3).build().unwrap();
        let learn = || pool.install(|| keep_awake::<()>(1, || panic!("on purpose")));
        let caught = std::panic::catch_unwind(std::panic::AssertUnwindSafe(learn));
        assert!(caught.is_err());
        check(3, 1);
    }
}
