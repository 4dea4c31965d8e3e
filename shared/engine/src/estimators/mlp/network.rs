//! The layers of a network: scores forwards, the gradient backwards (by blocks of rows, as matrix
//! products).

use faer::linalg::matmul::matmul;
use faer::{Accum, MatMut, MatRef, Par};
use rand::RngExt;
use rand_chacha::ChaCha8Rng;

/// Fully connected layers with max(0, ·) between them.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Network {
    /// The features, the units of each hidden layer, the scores.
    pub(super) sizes: Vec<usize>,
    /// Layer by layer: the weights of the first input to every unit, of the second and so on, then the
    /// units' biases.
    pub(super) parameters: Vec<f32>,
}

/// Where a layer's parameters lie.
#[derive(Debug, Clone, Copy)]
pub(super) struct Layer {
    pub(super) inputs: usize,
    pub(super) units: usize,
    pub(super) weights: usize,
    pub(super) biases: usize,
}

/// The layers of these sizes, and their parameters all together; `None` when that overflows.
pub(super) fn layers(sizes: &[usize]) -> Option<(Vec<Layer>, usize)> {
    let mut end = 0usize;
    let mut layers = Vec::new();
    for pair in sizes.windows(2) {
        let (inputs, units, weights) = (pair[0], pair[1], end);
        let biases = end.checked_add(inputs.checked_mul(units)?)?;
        end = biases.checked_add(units)?;
        layers.push(Layer { inputs, units, weights, biases });
    }
    Some((layers, end))
}

/// What is between the layers for a block of rows, kept from one block to the next.
#[derive(Debug, Default)]
pub(super) struct Workspace {
    /// Row by row: the features, what each layer gives.
    pub(super) outputs: Vec<Vec<f32>>,
    /// The derivative of the loss by what a layer gives before max(0, ·).
    deltas: Vec<f32>,
    before: Vec<f32>,
}

impl Network {
    /// Weights drawn so that what goes in keeps its spread through the layers (He et al., "Delving
    /// deep into rectifiers", 2015); the scores start near the biases of the last layer.
    pub(super) fn new(sizes: Vec<usize>, last_biases: &[f32], random: &mut ChaCha8Rng) -> Network {
        let (layers, count) = layers(&sizes).unwrap_or_default();
        let mut parameters = vec![0.0; count];
        for (place, layer) in layers.iter().enumerate() {
            let last = place + 1 == layers.len();
            let spread = (if last { 1.0 } else { 6.0f32 } / layer.inputs as f32).sqrt();
            for weight in &mut parameters[layer.weights..layer.biases] {
                *weight = spread * (2.0 * random.random::<f32>() - 1.0);
            }
            if last {
                parameters[layer.biases..].copy_from_slice(last_biases);
            }
        }
        Network { sizes, parameters }
    }

    pub(super) fn layers(&self) -> Vec<Layer> {
        layers(&self.sizes).unwrap_or_default().0
    }

    /// The scores of the rows in `room.outputs[0]`, in the last of `room.outputs`.
    pub(super) fn forward(&self, rows: usize, room: &mut Workspace) {
        let layers = self.layers();
        room.outputs.resize_with(layers.len() + 1, Vec::new);
        for (place, layer) in layers.iter().enumerate() {
            let (inputs, outputs) = room.outputs.split_at_mut(place + 1);
            let (inputs, outputs) = (&inputs[place], &mut outputs[0]);
            outputs.clear();
            let biases = &self.parameters[layer.biases..layer.biases + layer.units];
            for _ in 0..rows {
                outputs.extend_from_slice(biases);
            }
            matmul(
                MatMut::from_row_major_slice_mut(outputs, rows, layer.units),
                Accum::Add,
                MatRef::from_row_major_slice(inputs, rows, layer.inputs),
                self.weights(layer),
                1.0,
                Par::Seq,
            );
            if place + 1 < layers.len() {
                for output in outputs.iter_mut() {
                    *output = output.max(0.0);
                }
            }
        }
    }

    /// The gradient after [`forward`](Network::forward), when the last of `room.outputs` has been
    /// turned into the derivative of the loss by the scores.
    pub(super) fn backward(&self, rows: usize, room: &mut Workspace, l2: f32, gradient: &mut [f32]) {
        let layers = self.layers();
        if let Some(last) = room.outputs.last() {
            room.deltas.clone_from(last);
        }
        for (place, layer) in layers.iter().enumerate().rev() {
            let deltas = MatRef::from_row_major_slice(&room.deltas, rows, layer.units);
            let inputs = MatRef::from_row_major_slice(&room.outputs[place], rows, layer.inputs);
            let (weights, biases) =
                gradient[layer.weights..layer.biases + layer.units].split_at_mut(layer.inputs * layer.units);
            for (gradient, weight) in weights.iter_mut().zip(&self.parameters[layer.weights..]) {
                *gradient = l2 * weight;
            }
            let weights = MatMut::from_row_major_slice_mut(weights, layer.inputs, layer.units);
            matmul(weights, Accum::Add, inputs.transpose(), deltas, 1.0, Par::Seq);
            biases.fill(0.0);
            for deltas in room.deltas.chunks_exact(layer.units) {
                for (bias, delta) in biases.iter_mut().zip(deltas) {
                    *bias += delta;
                }
            }
            if place > 0 {
                room.before.resize(rows * layer.inputs, 0.0);
                let before = MatMut::from_row_major_slice_mut(&mut room.before, rows, layer.inputs);
                matmul(before, Accum::Replace, deltas, self.weights(layer).transpose(), 1.0, Par::Seq);
                for (before, output) in room.before.iter_mut().zip(&room.outputs[place]) {
                    if *output <= 0.0 {
                        *before = 0.0;
                    }
                }
                std::mem::swap(&mut room.deltas, &mut room.before);
            }
        }
    }

    fn weights(&self, layer: &Layer) -> MatRef<'_, f32> {
        let weights = &self.parameters[layer.weights..layer.biases];
        MatRef::from_row_major_slice(weights, layer.inputs, layer.units)
    }
}
