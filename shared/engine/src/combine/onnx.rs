//! Combinations in ONNX.

use super::calibrate::{Curve, NEAREST};
use super::{Combination, columns};
use crate::onnx::export::{Setting, Values, Writer};

impl Combination {
    /// One answer, doubles `[N, outputs]`, of the members'; or why there is none, in words.
    pub(crate) fn export(
        &self,
        writer: &mut Writer,
        answers: &[String],
        outputs: usize,
    ) -> Result<String, &'static str> {
        match self {
            Combination::Mean(weights) => {
                let parts: Vec<String> = answers
                    .iter()
                    .zip(weights)
                    .map(|(answer, weight)| {
                        let weight = writer.double(&[1], &[*weight]);
                        writer.op("Mul", &[answer, &weight])
                    })
                    .collect();
                Ok(parts.into_iter().reduce(|sum, part| writer.op("Add", &[&sum, &part])).unwrap_or_default())
            }
            Combination::Stack(fitted) => {
                let features: Vec<String> = answers
                    .iter()
                    .map(|answer| {
                        if outputs == 1 {
                            return answer.clone();
                        }
                        let own: Vec<usize> = (outputs - columns(outputs)..outputs).collect();
                        let own = writer.select(answer, &own);
                        odds(writer, &own, 1e-4)
                    })
                    .collect();
                let features = writer.side_by_side(&features);
                let features = writer.cast(&features, Values::Float);
                fitted.export(writer, &features, outputs)
            }
            Combination::Calibrated(curves) => {
                let answer = answers.first().ok_or("it has no members")?;
                sigmoids(writer, curves, answer, outputs)
            }
        }
    }
}

/// Log odds of probabilities no nearer to 0 and 1 than this.
fn odds(writer: &mut Writer, p: &str, nearest: f64) -> String {
    let (low, high) = (writer.double(&[], &[nearest]), writer.double(&[], &[1.0 - nearest]));
    let p = writer.op("Clip", &[p, &low, &high]);
    let one = writer.double(&[1], &[1.0]);
    let rest = writer.op("Sub", &[&one, &p]);
    let odds = writer.op("Div", &[&p, &rest]);
    writer.op("Log", &[&odds])
}

fn sigmoids(
    writer: &mut Writer,
    curves: &[Curve],
    answer: &str,
    outputs: usize,
) -> Result<String, &'static str> {
    let mut numbers = Vec::with_capacity(curves.len());
    for curve in curves {
        match curve {
            Curve::Sigmoid { slope, offset } => numbers.push((*slope, *offset)),
            Curve::Steps { .. } => return Err("its probabilities are corrected by steps"),
        }
    }
    let (slopes, offsets): (Vec<f64>, Vec<f64>) = numbers.into_iter().unzip();
    let own: Vec<usize> = (outputs - columns(outputs)..outputs).collect();
    let own = writer.select(answer, &own);
    let odds = odds(writer, &own, NEAREST);
    let (slopes, offsets) =
        (writer.double(&[1, curves.len()], &slopes), writer.double(&[1, curves.len()], &offsets));
    let odds = writer.op("Mul", &[&odds, &slopes]);
    let odds = writer.op("Add", &[&odds, &offsets]);
    let p = writer.op("Sigmoid", &[&odds]);
    if outputs == 2 {
        let one = writer.double(&[1], &[1.0]);
        let rest = writer.op("Sub", &[&one, &p]);
        return Ok(writer.side_by_side(&[rest, p]));
    }
    let least = writer.double(&[1], &[NEAREST]);
    let p = writer.op("Max", &[&p, &least]);
    let axes = writer.ints(&[1]);
    let total = writer.op_with("ReduceSum", &[&p, &axes], vec![Setting::Int("keepdims", 1)]);
    Ok(writer.op("Div", &[&p, &total]))
}
