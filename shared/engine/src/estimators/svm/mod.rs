//! What support vector machines share: examples without repeats, kernels, the two solvers, and
//! probabilities from scores.

mod calibration;
mod descent;
mod examples;
mod kernel;
mod machine;
mod smo;

pub(super) use self::calibration::{Learner, calibrated};
pub(super) use self::descent::{Descent, descend};
pub(super) use self::examples::Examples;
pub(super) use self::kernel::{Cache, Kernel};
pub(super) use self::machine::FittedKernel;
pub(super) use self::machine::{Machine, decide};
pub(super) use self::smo::{Problem, solve};

#[cfg(test)]
mod tests;
