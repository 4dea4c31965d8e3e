//! Prepared matrices, shared by the trials that need the same.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use crate::estimators::{Needs, Target};
use crate::matrix::Matrix;
use crate::preprocess::{Preprocessing, Preprocessor};
use crate::table::Column;

/// Matrices are kept up to this many bytes together. What comes on top is prepared again for each
/// trial: trials go over the same folds in the same order, so that what was kept first is worth as
/// much as what would take its place.
const KEPT_BYTES: usize = 768 << 20;

/// The rows to learn from, and with them those to measure on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Part {
    /// All folds but this one, and this one.
    Fold(u32),
    /// All folds, and the test set.
    Rest,
    /// Every row, and none to measure on.
    All,
}

/// Preprocessing fitted on the rows to learn from, and both sets of rows prepared by it.
#[derive(Debug)]
pub(crate) struct Prepared {
    pub(crate) preprocessor: Preprocessor,
    pub(crate) x: Matrix,
    pub(crate) y: Target,
    /// How much each row of `x` counts; `None` for all alike.
    pub(crate) weights: Option<Vec<f32>>,
    pub(crate) validation_x: Matrix,
    pub(crate) validation_y: Target,
}

impl Prepared {
    pub(crate) fn new(
        columns: &[&Column],
        training: (&[u32], Target, Option<Vec<f32>>),
        validation: (&[u32], Target),
        needs: Needs,
        steps: &Preprocessing,
        seed: u64,
    ) -> Prepared {
        let (rows, y, weights) = training;
        let (preprocessor, x) = Preprocessor::fit_with(columns, rows, &y, needs, steps, seed);
        let validation_x = preprocessor.transform(columns, validation.0);
        Prepared { preprocessor, x, y, weights, validation_x, validation_y: validation.1 }
    }

    /// With a byte for each value's bin, which tree estimators add.
    fn size_bytes(&self) -> usize {
        let cells = (self.x.rows() + self.validation_x.rows()) * self.x.cols();
        cells * (size_of::<f32>() + 1) + (self.y.len() + self.validation_y.len()) * size_of::<f64>()
    }
}

type Slot = Arc<OnceLock<Arc<Prepared>>>;

/// What is prepared, by part and needs.
#[derive(Debug, Default)]
pub(crate) struct Cache {
    kept: Mutex<Kept>,
}

#[derive(Debug, Default)]
struct Kept {
    slots: HashMap<(Part, Needs), Slot>,
    bytes: usize,
}

impl Cache {
    /// What was prepared before, or what `prepare` makes. Whoever asks for the same while it is being
    /// made waits for it.
    pub(crate) fn get(&self, part: Part, needs: Needs, prepare: impl FnOnce() -> Prepared) -> Arc<Prepared> {
        let key = (part, needs);
        let slot = Arc::clone(self.lock().slots.entry(key).or_default());
        let mut made = false;
        let prepared = Arc::clone(slot.get_or_init(|| {
            made = true;
            Arc::new(prepare())
        }));
        if made {
            let mut kept = self.lock();
            let bytes = prepared.size_bytes();
            if kept.bytes + bytes <= KEPT_BYTES {
                kept.bytes += bytes;
            } else {
                kept.slots.remove(&key);
            }
        }
        prepared
    }

    /// A panic while the lock was held cannot leave the map half changed: each change is one call.
    fn lock(&self) -> std::sync::MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;
    use crate::estimators::Encoding;

    const NEEDS: Needs = Needs { categories: Encoding::OneHot, scaled: false, missing: false };

    fn prepared(cells: usize) -> Prepared {
        let (x, y) = (Matrix::new(1, cells, vec![0.0; cells]), Target::Numbers(vec![0.0]));
        let (preprocessor, _) = Preprocessor::fit(&[], &[], &y, NEEDS, 0);
        Prepared {
            preprocessor,
            x,
            y: y.clone(),
            weights: None,
            validation_x: Matrix::new(0, cells, Vec::new()),
            validation_y: y,
        }
    }

    #[test]
    fn the_same_is_prepared_once_even_by_many_threads() {
        let (cache, times) = (Cache::default(), AtomicUsize::new(0));
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    cache.get(Part::Rest, NEEDS, || {
                        times.fetch_add(1, Ordering::SeqCst);
                        prepared(10)
                    })
                });
            }
        });
        assert_eq!(times.load(Ordering::SeqCst), 1);
        cache.get(Part::Rest, Needs { scaled: true, ..NEEDS }, || prepared(10));
        assert_eq!(cache.lock().slots.len(), 2);
    }

    #[test]
    fn what_does_not_fit_is_not_kept() {
        let cache = Cache::default();
        // 5 bytes a cell: the second does not fit any more, a small third does.
        for (part, cells) in [(Part::Fold(0), 100 << 20), (Part::Fold(1), 100 << 20), (Part::Fold(2), 10)] {
            cache.get(part, NEEDS, || prepared(cells));
        }
        let kept = cache.lock();
        let mut parts: Vec<String> = kept.slots.keys().map(|(part, _)| format!("{part:?}")).collect();
        parts.sort();
        assert_eq!(parts, ["Fold(0)", "Fold(2)"]);
        assert!(kept.bytes <= KEPT_BYTES);
    }
}
