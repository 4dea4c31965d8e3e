//! How a network learns: mini-batches, Adam's steps, and an inner split that says when to stop.

use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;

use super::FARTHEST;
use super::network::{Network, Workspace};
use crate::estimators::{Fit, FitError, Target};
use crate::split::Split;

/// With fewer rows a hold-out says little about when to stop: then there are fewer passes.
const FEWEST_TO_HOLD_OUT: usize = 300;
/// The passes of a fit on so few rows.
const EPOCHS_OF_FEW: usize = 35;
/// One row in so many is held out.
const HOLD_OUT: usize = 8;
/// Multiplications and additions of a whole fit: ten seconds or so.
const WORK: f64 = 1.5e11;
/// Rows whose scores are computed at once.
const BLOCK: usize = 512;

/// Adam's memory of gradients and of their squares.
const MOMENTUM: f32 = 0.9;
const SQUARES: f32 = 0.999;
const LEAST: f32 = 1e-8;

/// What the rows are.
enum Truth<'a> {
    Codes(&'a [u32]),
    Numbers(&'a [f32]),
}

/// The rows as a network takes them.
struct Rows<'a> {
    /// Row by row.
    values: Vec<f32>,
    cols: usize,
    truth: Truth<'a>,
    /// 1 on average.
    weights: Vec<f32>,
}

impl Rows<'_> {
    fn gather(&self, rows: &[u32], room: &mut Workspace) {
        room.outputs.resize_with(room.outputs.len().max(1), Vec::new);
        let values = &mut room.outputs[0];
        values.clear();
        for &row in rows {
            let first = row as usize * self.cols;
            values.extend_from_slice(&self.values[first..first + self.cols]);
        }
    }

    /// Turns scores into the derivatives of the loss, in place; and the loss. Both are sums over the rows,
    /// the derivatives times `share`.
    fn residuals(&self, rows: &[u32], share: f32, scores: &mut [f32]) -> f64 {
        let outputs = scores.len() / rows.len().max(1);
        let mut loss = 0.0;
        for (&row, scores) in rows.iter().zip(scores.chunks_exact_mut(outputs.max(1))) {
            let weight = self.weights[row as usize];
            match self.truth {
                Truth::Numbers(values) => {
                    let error = scores[0] - values[row as usize];
                    loss += f64::from(weight * 0.5 * error * error);
                    scores[0] = weight * share * error;
                }
                Truth::Codes(codes) => {
                    let truth = codes[row as usize] as usize;
                    let highest = scores.iter().copied().fold(f32::NEG_INFINITY, f32::max);
                    let of_truth = scores[truth] - highest;
                    let mut sum = 0.0;
                    for score in scores.iter_mut() {
                        *score = (*score - highest).exp();
                        sum += *score;
                    }
                    loss += f64::from(weight * (sum.ln() - of_truth));
                    for score in scores.iter_mut() {
                        *score *= weight * share / sum;
                    }
                    scores[truth] -= weight * share;
                }
            }
        }
        loss
    }

    /// The mean loss.
    fn loss(&self, network: &Network, rows: &[u32], room: &mut Workspace) -> f64 {
        let (mut loss, mut total) = (0.0, 0.0);
        for rows in rows.chunks(BLOCK) {
            self.gather(rows, room);
            network.forward(rows.len(), room);
            if let Some(scores) = room.outputs.last_mut() {
                loss += self.residuals(rows, 0.0, scores);
            }
            total += rows.iter().map(|&row| f64::from(self.weights[row as usize])).sum::<f64>();
        }
        loss / total
    }
}

/// `numbers` is the truth in units of its deviation, where it is not classes.
pub(super) fn train(fit: &Fit, numbers: &[f32]) -> Result<Network, FitError> {
    let weight = |row: usize| fit.weights.map_or(1.0, |weights| weights[row]);
    let kept: Vec<u32> = (0..fit.x.rows() as u32).filter(|&row| weight(row as usize) > 0.0).collect();
    if kept.is_empty() {
        return Err(FitError::Unsuitable("no row has a weight".into()));
    }
    let rows = rows(fit, numbers, &kept);
    let patience = fit.params.integer("early_stopping") as usize;
    let (training, held_out) = if patience > 0 && kept.len() >= FEWEST_TO_HOLD_OUT {
        let split = Split::new(&fit.y.take(&kept), HOLD_OUT, 0.0, fit.seed);
        let in_table = |places: &[u32]| places.iter().map(|&at| kept[at as usize]).collect();
        (in_table(&split.training(0)), in_table(&split.folds[0]))
    } else {
        (kept, Vec::new())
    };
    let mut random = ChaCha8Rng::seed_from_u64(fit.seed);
    let mut sizes = vec![fit.x.cols()];
    sizes.extend(std::iter::repeat_n(
        fit.params.integer("width") as usize,
        fit.params.integer("layers") as usize,
    ));
    sizes.push(fit.y.outputs());
    let network = Network::new(sizes, &last_biases(fit, &rows, &training), &mut random);

    let pass = training.len() as f64 * network.parameters.len() as f64 * 6.0;
    let mut epochs = (fit.params.integer("epochs") as usize).min((WORK / pass) as usize).max(1);
    if patience > 0 && held_out.is_empty() {
        epochs = epochs.min(EPOCHS_OF_FEW);
    }
    let by_default = || (training.len() as i64 / 64).clamp(16, 256);
    let plan = Plan {
        epochs,
        patience,
        batch: fit.params.auto_integer("batch").unwrap_or_else(by_default) as usize,
        rate: fit.params.number("learning_rate") as f32,
        l2: fit.params.number("l2") as f32,
    };
    let network = run(network, &rows, training, &held_out, &plan, &mut random);
    if network.parameters.iter().any(|value| !value.is_finite()) {
        return Err(FitError::NotFinite("the network's weights overflowed: lower 'learning_rate'".into()));
    }
    Ok(network)
}

struct Plan {
    epochs: usize,
    patience: usize,
    batch: usize,
    rate: f32,
    l2: f32,
}

/// The network after the pass whose predictions of held-out rows are best; after the last without such
/// rows.
fn run(
    mut network: Network,
    rows: &Rows,
    mut training: Vec<u32>,
    held_out: &[u32],
    plan: &Plan,
    random: &mut ChaCha8Rng,
) -> Network {
    let count = network.parameters.len();
    let (mut gradient, mut room) = (vec![0.0; count], Workspace::default());
    let (mut mean, mut square) = (vec![0.0f32; count], vec![0.0f32; count]);
    let (mut mean_left, mut square_left) = (1.0f32, 1.0f32);
    let mut best = (f64::INFINITY, 0, network.parameters.clone());
    for epoch in 0..plan.epochs {
        training.shuffle(random);
        for batch in training.chunks(plan.batch) {
            rows.gather(batch, &mut room);
            network.forward(batch.len(), &mut room);
            if let Some(scores) = room.outputs.last_mut() {
                rows.residuals(batch, 1.0 / batch.len() as f32, scores);
            }
            network.backward(batch.len(), &mut room, plan.l2, &mut gradient);
            mean_left *= MOMENTUM;
            square_left *= SQUARES;
            // What the memories lack at the start, when they have seen little.
            let (of_mean, of_square) = (1.0 - mean_left, 1.0 - square_left);
            for (((parameter, g), mean), square) in
                network.parameters.iter_mut().zip(&gradient).zip(&mut mean).zip(&mut square)
            {
                *mean += (1.0 - MOMENTUM) * (g - *mean);
                *square += (1.0 - SQUARES) * (g * g - *square);
                *parameter -= plan.rate * (*mean / of_mean) / ((*square / of_square).sqrt() + LEAST);
            }
        }
        if held_out.is_empty() {
            continue;
        }
        let loss = rows.loss(&network, held_out, &mut room);
        if loss < best.0 {
            best = (loss, epoch, network.parameters.clone());
        } else if epoch - best.1 >= plan.patience || !loss.is_finite() {
            break;
        }
    }
    if !held_out.is_empty() {
        network.parameters = best.2;
    }
    network
}

fn rows<'a>(fit: &Fit<'a>, numbers: &'a [f32], kept: &[u32]) -> Rows<'a> {
    let cols = fit.x.cols();
    let mut values = vec![0.0; fit.x.rows() * cols];
    for (row, values) in values.chunks_exact_mut(cols).enumerate() {
        fit.x.copy_row(row, values);
        for value in values {
            *value = value.clamp(-FARTHEST, FARTHEST);
        }
    }
    let weight = |row: usize| fit.weights.map_or(1.0, |weights| f64::from(weights[row]));
    let total: f64 = kept.iter().map(|&row| weight(row as usize)).sum();
    let unit = total / kept.len() as f64;
    Rows {
        values,
        cols,
        truth: match fit.y {
            Target::Classes { codes, .. } => Truth::Codes(codes),
            Target::Numbers(_) => Truth::Numbers(numbers),
        },
        weights: (0..fit.x.rows()).map(|row| (weight(row) / unit) as f32).collect(),
    }
}

/// The classes' log shares, which are the best scores that do not look at the features; 0 for a number,
/// which is its mean.
fn last_biases(fit: &Fit, rows: &Rows, training: &[u32]) -> Vec<f32> {
    let mut shares = vec![0.5f32; fit.y.outputs()];
    let Truth::Codes(codes) = rows.truth else { return vec![0.0] };
    for &row in training {
        shares[codes[row as usize] as usize] += rows.weights[row as usize];
    }
    let total: f32 = shares.iter().sum();
    shares.iter().map(|share| (share / total).ln()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::estimators::mlp::network::layers;

    /// The mean loss with its penalty in `f64`, written otherwise than what it is held against.
    fn loss(rows: &Rows, sizes: &[usize], parameters: &[f64], l2: f64) -> f64 {
        let (layers, _) = layers(sizes).unwrap();
        let count = rows.weights.len();
        let mut loss = 0.0;
        for row in 0..count {
            let mut values: Vec<f64> =
                (0..rows.cols).map(|col| f64::from(rows.values[row * rows.cols + col])).collect();
            for (place, layer) in layers.iter().enumerate() {
                values = (0..layer.units)
                    .map(|unit| {
                        let weight = |input: usize| parameters[layer.weights + input * layer.units + unit];
                        let sum: f64 = (0..layer.inputs).map(|input| values[input] * weight(input)).sum();
                        let sum = sum + parameters[layer.biases + unit];
                        if place + 1 < layers.len() { sum.max(0.0) } else { sum }
                    })
                    .collect();
            }
            loss += f64::from(rows.weights[row])
                * match rows.truth {
                    Truth::Numbers(truth) => 0.5 * (values[0] - f64::from(truth[row])).powi(2),
                    Truth::Codes(codes) => {
                        values.iter().map(|v| v.exp()).sum::<f64>().ln() - values[codes[row] as usize]
                    }
                };
        }
        let squares = |layer: &crate::estimators::mlp::network::Layer| -> f64 {
            parameters[layer.weights..layer.biases].iter().map(|w| w * w).sum()
        };
        loss / count as f64 + 0.5 * l2 * layers.iter().map(squares).sum::<f64>()
    }

    #[test]
    fn the_gradient_is_that_of_finite_differences() {
        let (count, cols) = (7, 3);
        let values = (0..count * cols).map(|i| (1.3 * i as f32).sin()).collect();
        let weights: Vec<f32> = (0..count).map(|i| 0.4 + 0.2 * i as f32).collect();
        let codes: Vec<u32> = (0..count as u32).map(|i| i % 4).collect();
        let numbers: Vec<f32> = (0..count).map(|i| (0.7 * i as f32).cos()).collect();
        let mut rows = Rows { values, cols, truth: Truth::Codes(&codes), weights };
        for (outputs, hidden) in [(4, vec![5]), (4, vec![6, 5]), (1, vec![5, 4, 3])] {
            if outputs == 1 {
                rows.truth = Truth::Numbers(&numbers);
            }
            let sizes = [vec![cols], hidden, vec![outputs]].concat();
            let mut random = ChaCha8Rng::seed_from_u64(3);
            let mut network = Network::new(sizes.clone(), &vec![0.1; outputs], &mut random);
            for (i, parameter) in network.parameters.iter_mut().enumerate() {
                *parameter += 0.05 * (i as f32).sin();
            }
            let all: Vec<u32> = (0..count as u32).collect();
            let (mut room, mut gradient) = (Workspace::default(), vec![9.0; network.parameters.len()]);
            rows.gather(&all, &mut room);
            network.forward(count, &mut room);
            rows.residuals(&all, 1.0 / count as f32, room.outputs.last_mut().unwrap());
            network.backward(count, &mut room, 0.3, &mut gradient);
            let at: Vec<f64> = network.parameters.iter().map(|value| f64::from(*value)).collect();
            for (place, got) in gradient.iter().enumerate() {
                let moved = |by: f64| {
                    let mut there = at.clone();
                    there[place] += by;
                    loss(&rows, &sizes, &there, 0.3f32.into())
                };
                let expected = (moved(1e-6) - moved(-1e-6)) / 2e-6;
                assert!(
                    (f64::from(*got) - expected).abs() < 2e-5 * (1.0 + expected.abs()),
                    "{sizes:?} {place}: {got}, not {expected}"
                );
            }
        }
    }
}
