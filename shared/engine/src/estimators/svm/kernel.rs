//! Kernels, and the cache of their rows.

use crate::matrix::Matrix;

/// Rows of the kernel matrix are kept up to this many bytes: half the matrix of 10,000 rows.
const KEPT_BYTES: usize = 200 << 20;
/// What a value costs beside its columns (an exponential), in columns.
const EXPONENTIAL: usize = 8;
const NOWHERE: u32 = u32::MAX;

/// How alike two rows are.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(in crate::estimators) enum Kernel {
    /// exp(−γ |a − b|²)
    Rbf { gamma: f64 },
    /// a · b
    Linear,
}

impl Kernel {
    /// Of one row with each of `rows` points, whose values are stored column by column. Differences
    /// are summed in `f64`, so that no finite value overflows. O(rows × cols).
    pub(super) fn row(self, points: &[f32], rows: usize, query: &[f32], out: &mut [f64]) {
        out.fill(0.0);
        if rows == 0 {
            return;
        }
        for (values, &value) in points.chunks_exact(rows).zip(query) {
            let value = f64::from(value);
            match self {
                Kernel::Rbf { .. } => {
                    for (sum, other) in out.iter_mut().zip(values) {
                        let difference = f64::from(*other) - value;
                        *sum += difference * difference;
                    }
                }
                Kernel::Linear => {
                    for (sum, other) in out.iter_mut().zip(values) {
                        *sum += f64::from(*other) * value;
                    }
                }
            }
        }
        if let Kernel::Rbf { gamma } = self {
            for sum in out {
                *sum = (-gamma * *sum).exp();
            }
        }
    }
}

/// Rows of the kernel matrix of one matrix with itself; the one that was not asked for the longest
/// makes room.
pub(in crate::estimators) struct Cache<'a> {
    x: &'a Matrix,
    kernel: Kernel,
    diagonal: Vec<f64>,
    slots: Vec<Box<[f32]>>,
    /// For each slot whose row it holds, and when it was last asked for.
    held: Vec<(u32, u64)>,
    /// For each row its slot.
    place: Vec<u32>,
    most_slots: usize,
    clock: u64,
    query: Vec<f32>,
    sums: Vec<f64>,
    /// Multiplications so far.
    pub(super) work: u64,
}

impl<'a> Cache<'a> {
    pub(in crate::estimators) fn new(x: &'a Matrix, kernel: Kernel) -> Cache<'a> {
        Cache::within(x, kernel, KEPT_BYTES)
    }

    pub(super) fn within(x: &'a Matrix, kernel: Kernel, bytes: usize) -> Cache<'a> {
        let diagonal = match kernel {
            Kernel::Rbf { .. } => vec![1.0; x.rows()],
            Kernel::Linear => {
                let mut squares = vec![0.0; x.rows()];
                for col in 0..x.cols() {
                    for (sum, value) in squares.iter_mut().zip(x.col(col)) {
                        *sum += f64::from(*value) * f64::from(*value);
                    }
                }
                squares
            }
        };
        Cache {
            x,
            kernel,
            diagonal,
            slots: Vec::new(),
            held: Vec::new(),
            place: vec![NOWHERE; x.rows()],
            most_slots: (bytes / (size_of::<f32>() * x.rows().max(1))).max(2),
            clock: 0,
            query: vec![0.0; x.cols()],
            sums: vec![0.0; x.rows()],
            work: 0,
        }
    }

    pub(super) fn points(&self) -> usize {
        self.x.rows()
    }

    pub(super) fn diagonal(&self) -> &[f64] {
        &self.diagonal
    }

    pub(super) fn row(&mut self, row: usize) -> &[f32] {
        let slot = self.slot(row);
        &self.slots[slot]
    }

    /// Two rows at once: there is room for two, and the one just asked for is not the oldest.
    pub(super) fn pair(&mut self, a: usize, b: usize) -> (&[f32], &[f32]) {
        let (a, b) = (self.slot(a), self.slot(b));
        (&self.slots[a], &self.slots[b])
    }

    /// The slot of a row, computed when it is not held.
    fn slot(&mut self, row: usize) -> usize {
        self.clock += 1;
        let place = self.place[row];
        if place != NOWHERE {
            self.held[place as usize].1 = self.clock;
            return place as usize;
        }
        let slot = if self.slots.len() < self.most_slots {
            self.slots.push(vec![0.0; self.x.rows()].into_boxed_slice());
            self.held.push((row as u32, self.clock));
            self.slots.len() - 1
        } else {
            let oldest = (0..self.held.len()).min_by_key(|slot| self.held[*slot].1).unwrap_or(0);
            self.place[self.held[oldest].0 as usize] = NOWHERE;
            self.held[oldest] = (row as u32, self.clock);
            oldest
        };
        self.place[row] = slot as u32;
        self.x.copy_row(row, &mut self.query);
        self.kernel.row(self.x.data(), self.x.rows(), &self.query, &mut self.sums);
        for (kept, sum) in self.slots[slot].iter_mut().zip(&self.sums) {
            *kept = *sum as f32;
        }
        self.work += (self.x.rows() * (self.x.cols() + EXPONENTIAL)) as u64;
        slot
    }
}
