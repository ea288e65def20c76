//! Computing without gradients.

use tch::no_grad_guard;

/// Runs `compute` without recording what gradients would need; afterwards gradients are recorded as before, also when it
/// panics. tch's own `no_grad` leaves them off then, for the rest of the thread's life.
pub fn no_grad<T>(compute: impl FnOnce() -> T) -> T {
    let _restores_when_dropped = no_grad_guard();
    compute()
}
