//! Drawings of predicted classes.

use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, VPos};

use super::super::{Calibration, ConfusionMatrix, LiftCurve, PrecisionRecallCurve, RocCurve};
use super::{Frame, HEIGHT, INK, TEXT, WIDTH, colour, label, legend, line, sheet, text, tick};

/// Room for a legend.
const LEGEND: u32 = 190;
const LEGEND_NAME: usize = 16;

pub(super) fn roc(curves: &[RocCurve]) -> Option<String> {
    let first = curves.first()?;
    let title = if curves.len() == 1 {
        format!("ROC of \"{}\": area {}", label(&first.class, 24), tick(first.auc))
    } else {
        format!("ROC of {} classes, each against the rest", curves.len())
    };
    let many = curves.len() > 1;
    let room = if many { LEGEND } else { 0 };
    sheet((WIDTH, HEIGHT), &title, |area| {
        let frame = Frame {
            x_name: "false positive rate",
            y_name: "true positive rate",
            legend: room,
            ..Frame::default()
        };
        let mut chart = frame.open(area)?;
        chart.draw_series(line([(0.0, 0.0), (1.0, 1.0)].into_iter(), INK.mix(0.5)))?;
        for (at, curve) in curves.iter().enumerate() {
            let points =
                curve.false_positive_rate.iter().copied().zip(curve.true_positive_rate.iter().copied());
            chart.draw_series(line(points, colour(at)))?;
        }
        if many {
            let names: Vec<String> = curves
                .iter()
                .map(|curve| format!("{} {}", label(&curve.class, LEGEND_NAME), tick(curve.auc)))
                .collect();
            legend(area, names.iter().enumerate().map(|(at, name)| (&name[..], colour(at))), room)?;
        }
        Ok(())
    })
}

pub(super) fn precision_recall(curves: &[PrecisionRecallCurve]) -> Option<String> {
    let first = curves.first()?;
    let title = if curves.len() == 1 {
        format!(
            "Precision and recall of \"{}\": average precision {}",
            label(&first.class, 20),
            tick(first.average_precision)
        )
    } else {
        format!("Precision and recall of {} classes, each against the rest", curves.len())
    };
    let many = curves.len() > 1;
    let room = if many { LEGEND } else { 0 };
    sheet((WIDTH, HEIGHT), &title, |area| {
        let frame = Frame { x_name: "recall", y_name: "precision", legend: room, ..Frame::default() };
        let mut chart = frame.open(area)?;
        if !many {
            let guess = first.prevalence;
            chart.draw_series(line([(0.0, guess), (1.0, guess)].into_iter(), INK.mix(0.5)))?;
        }
        for (at, curve) in curves.iter().enumerate() {
            // Each precision holds from the recall before it: steps, as the average counts them.
            let mut before = 0.0;
            let steps = curve.recall.iter().zip(&curve.precision).flat_map(|(&recall, &precision)| {
                let step = [(before, precision), (recall, precision)];
                before = recall;
                step
            });
            chart.draw_series(line(steps.collect::<Vec<_>>().into_iter(), colour(at)))?;
        }
        if many {
            let named = |c: &PrecisionRecallCurve| {
                format!("{} {}", label(&c.class, LEGEND_NAME), tick(c.average_precision))
            };
            let names: Vec<String> = curves.iter().map(named).collect();
            legend(area, names.iter().enumerate().map(|(at, name)| (&name[..], colour(at))), room)?;
        }
        Ok(())
    })
}

pub(super) fn calibration(calibration: &Calibration) -> Option<String> {
    let title =
        format!("Calibration: error {}, Brier score {}", tick(calibration.ece), tick(calibration.brier));
    let many = calibration.curves.len() > 1;
    let room = if many { LEGEND } else { 0 };
    sheet((WIDTH, HEIGHT), &title, |area| {
        let frame = Frame {
            x_name: "mean predicted probability",
            y_name: "share that is so",
            legend: room,
            ..Frame::default()
        };
        let mut chart = frame.open(area)?;
        chart.draw_series(line([(0.0, 0.0), (1.0, 1.0)].into_iter(), INK.mix(0.5)))?;
        for (at, curve) in calibration.curves.iter().enumerate() {
            let points = || curve.predicted.iter().copied().zip(curve.observed.iter().copied());
            chart.draw_series(line(points(), colour(at)))?;
            // The area of a point is its share of the rows.
            let rows = curve.rows.iter().sum::<u64>().max(1) as f64;
            let size = |rows_here: u64| 3 + (9.0 * (rows_here as f64 / rows).sqrt()).round() as i32;
            let dots = points()
                .zip(&curve.rows)
                .map(|(point, &rows)| Circle::new(point, size(rows), colour(at).mix(0.8).filled()));
            chart.draw_series(dots)?;
        }
        if many {
            let names: Vec<String> =
                calibration.curves.iter().map(|curve| label(&curve.class, LEGEND_NAME + 4)).collect();
            legend(area, names.iter().enumerate().map(|(at, name)| (&name[..], colour(at))), room)?;
        }
        Ok(())
    })
}

pub(super) fn lift(curves: &[LiftCurve]) -> Option<String> {
    let first = curves.first()?;
    // What a tenth of the rows finds, the most probable ones.
    let tenth = first.share.partition_point(|share| *share < 0.1).min(first.share.len().saturating_sub(1));
    let title = if curves.len() > 1 {
        format!("Gain and lift of {} classes, each against the rest", curves.len())
    } else {
        format!(
            "{}% of rows find {}% of \"{}\": {} × chance",
            tick(first.share.get(tenth)? * 100.0),
            tick(first.gain.get(tenth)? * 100.0),
            label(&first.class, 22),
            tick(*first.lift.get(tenth)?)
        )
    };
    let room = if curves.len() > 1 { LEGEND - 50 } else { 0 };
    sheet((WIDTH, HEIGHT), &title, |area| {
        let (width, _) = area.dim_in_pixel();
        let (left, right) = area.split_horizontally((width - room) / 2);
        let frame = Frame { x_name: "share of rows", y_name: "share found (gain)", ..Frame::default() };
        let mut chart = frame.open(&left)?;
        chart.draw_series(line([(0.0, 0.0), (1.0, 1.0)].into_iter(), INK.mix(0.5)))?;
        for (at, curve) in curves.iter().enumerate() {
            let points = curve.share.iter().copied().zip(curve.gain.iter().copied());
            chart.draw_series(line(std::iter::once((0.0, 0.0)).chain(points), colour(at)))?;
        }
        let highest = curves.iter().flat_map(|curve| &curve.lift).fold(1.0f64, |high, &lift| high.max(lift));
        let frame = Frame {
            x_name: "share of rows",
            y_name: "times as many (lift)",
            y: 0.0..highest * 1.05,
            legend: room,
            ..Frame::default()
        };
        let mut chart = frame.open(&right)?;
        chart.draw_series(line([(0.0, 1.0), (1.0, 1.0)].into_iter(), INK.mix(0.5)))?;
        for (at, curve) in curves.iter().enumerate() {
            let points = curve.share.iter().copied().zip(curve.lift.iter().copied());
            chart.draw_series(line(points, colour(at)))?;
        }
        if curves.len() > 1 {
            let names: Vec<String> = curves.iter().map(|curve| label(&curve.class, LEGEND_NAME)).collect();
            legend(&right, names.iter().enumerate().map(|(at, name)| (&name[..], colour(at))), room)?;
        }
        Ok(())
    })
}

pub(super) fn confusion_matrix(matrix: &ConfusionMatrix) -> Option<String> {
    let n = matrix.classes.len();
    let rows: u64 = matrix.counts.iter().flatten().sum();
    let title = format!("Confusion: {}% of {} rows right", tick(matrix.accuracy * 100.0), tick(rows as f64));
    let cell = (420 / n.max(1) as i32).clamp(28, 110);
    // Names beneath the columns stand upright when there are many.
    let (upright, beneath) = if n > 4 { (true, 16) } else { (false, 14) };
    let (left, top, side) = (170, 34, cell * n as i32);
    let size = ((left + side + 30) as u32, (top + side + if upright { 180 } else { 80 }) as u32);
    let size = (size.0.max(480), size.1);
    sheet(size, &title, |area| {
        let small = if n > 8 { TEXT - 4 } else { TEXT - 1 };
        area.draw_text("predicted class", &text(TEXT, HPos::Center, VPos::Center), (left + side / 2, 12))?;
        area.draw_text("true class", &text(TEXT, HPos::Left, VPos::Center), (8, 12))?;
        for (at, class) in matrix.classes.iter().enumerate() {
            let middle = cell * at as i32 + cell / 2;
            let style = text(small.max(TEXT - 3), HPos::Right, VPos::Center);
            area.draw_text(&label(class, beneath), &style, (left - 8, top + middle))?;
            let style = if upright {
                let turned =
                    ("sans-serif", small.max(TEXT - 3)).into_font().transform(FontTransform::Rotate270);
                turned.color(&INK).pos(super::Pos::new(HPos::Right, VPos::Center))
            } else {
                text(small, HPos::Center, VPos::Top)
            };
            area.draw_text(&label(class, beneath), &style, (left + middle, top + side + 8))?;
        }
        for (truth, counts) in matrix.counts.iter().enumerate() {
            let total = counts.iter().sum::<u64>().max(1) as f64;
            for (guess, &count) in counts.iter().enumerate() {
                let (x, y) = (left + cell * guess as i32, top + cell * truth as i32);
                let share = count as f64 / total;
                let shade = colour(usize::from(truth != guess)).mix(0.05 + 0.85 * share);
                let corners = [(x + 1, y + 1), (x + cell - 1, y + cell - 1)];
                area.draw(&Rectangle::new(corners, shade.filled()))?;
                if count > 0 {
                    let mut style = text(small, HPos::Center, VPos::Center);
                    if share > 0.5 {
                        style = style.color(&WHITE);
                    }
                    area.draw_text(&tick(count as f64), &style, (x + cell / 2, y + cell / 2))?;
                }
            }
        }
        Ok(())
    })
}
