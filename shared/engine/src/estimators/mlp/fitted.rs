//! A fitted network.

use serde::{Deserialize, Serialize};

use super::FARTHEST;
use super::network::{Network, layers};
use crate::estimators::linear::Link;
use crate::matrix::Matrix;

/// Layers beyond these are in no network that was fitted here.
const MOST_SIZES: usize = 5;

/// Layers, and what makes predictions of their scores.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FittedMlp {
    /// The features, the units of each hidden layer, the scores.
    sizes: Vec<u32>,
    /// As in [`Network`].
    parameters: Vec<f32>,
    pub(in crate::estimators) link: Link,
    /// A number is `offset + scale · score`.
    pub(in crate::estimators) offset: f64,
    pub(in crate::estimators) scale: f64,
}

impl FittedMlp {
    pub(super) fn new(network: Network, link: Link, offset: f64, scale: f64) -> FittedMlp {
        let sizes = network.sizes.iter().map(|size| *size as u32).collect();
        FittedMlp { sizes, parameters: network.parameters, link, offset, scale }
    }

    /// Features end here, on both sides.
    pub(in crate::estimators) fn farthest() -> f32 {
        FARTHEST
    }

    /// The weights of each layer, for each input one a unit, and the units' biases.
    pub(in crate::estimators) fn weights(&self) -> Vec<[&[f32]; 2]> {
        let (layers, _) = layers(&self.sizes()).unwrap_or_default();
        let parts = layers.iter().map(|layer| {
            let biases = &self.parameters[layer.biases..layer.biases + layer.units];
            [&self.parameters[layer.weights..layer.biases], biases]
        });
        parts.collect()
    }

    fn sizes(&self) -> Vec<usize> {
        self.sizes.iter().map(|size| *size as usize).collect()
    }

    /// Row by row in one order of additions, so that a row's prediction does not depend on the others.
    /// O(rows × parameters).
    pub(in crate::estimators) fn predict(&self, x: &Matrix) -> Vec<f64> {
        let sizes = self.sizes();
        let (layers, _) = layers(&sizes).unwrap_or_default();
        let outputs = sizes.last().copied().unwrap_or(0);
        let mut predictions = Vec::with_capacity(x.rows() * outputs);
        let (mut values, mut next) = (vec![0.0; x.cols()], Vec::new());
        for row in 0..x.rows() {
            values.resize(x.cols(), 0.0);
            x.copy_row(row, &mut values);
            for value in &mut values {
                *value = value.clamp(-FARTHEST, FARTHEST);
            }
            for (place, layer) in layers.iter().enumerate() {
                next.clear();
                next.extend_from_slice(&self.parameters[layer.biases..layer.biases + layer.units]);
                let weights = &self.parameters[layer.weights..layer.biases];
                for (value, weights) in values.iter().zip(weights.chunks_exact(layer.units)) {
                    for (sum, weight) in next.iter_mut().zip(weights) {
                        *sum += value * weight;
                    }
                }
                if place + 1 < layers.len() {
                    for value in &mut next {
                        *value = value.max(0.0);
                    }
                }
                std::mem::swap(&mut values, &mut next);
            }
            let first = predictions.len();
            predictions.extend(values.iter().map(|score| self.offset + self.scale * f64::from(*score)));
            self.link.apply(&mut predictions[first..]);
        }
        predictions
    }

    pub(in crate::estimators) fn check(&self, cols: usize, outputs: usize) -> Result<(), String> {
        let sizes = self.sizes();
        let count = layers(&sizes).map(|(_, count)| count);
        let link_sound = match self.link {
            Link::Identity => outputs == 1,
            Link::Softmax => outputs > 1,
            Link::Logit | Link::OneVsRest => false,
        };
        let sound = (2..=MOST_SIZES).contains(&sizes.len())
            && sizes.iter().all(|size| *size > 0)
            && sizes.first() == Some(&cols)
            && sizes.last() == Some(&outputs)
            && count == Some(self.parameters.len())
            && link_sound;
        if sound { Ok(()) } else { Err("a neural network has another shape".into()) }
    }

    pub(in crate::estimators) fn size_bytes(&self) -> usize {
        size_of::<FittedMlp>() + self.parameters.len() * size_of::<f32>()
    }
}
