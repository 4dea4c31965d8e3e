//! Drawings of predicted numbers, and of learning.

use plotters::prelude::*;

use super::super::{LearningCurve, PredictedVsActual, Residuals};
use super::{Frame, HEIGHT, INK, WIDTH, colour, extent, legend, line, sheet, tick};

/// The most points that are drawn.
const POINTS: usize = 1000;

pub(super) fn residuals(residuals: &Residuals) -> Option<String> {
    let title =
        format!("Residuals: mean {}, standard deviation {}", tick(residuals.mean), tick(residuals.deviation));
    sheet((WIDTH, HEIGHT), &title, |area| {
        let (left, right) = area.split_horizontally(area.dim_in_pixel().0 / 2);
        let most = residuals.counts.iter().copied().max().unwrap_or(1) as f64;
        let frame = Frame {
            x_name: "truth − prediction",
            y_name: "rows",
            x: extent(residuals.edges.iter()),
            y: 0.0..most * 1.05,
            ..Frame::default()
        };
        let mut chart = frame.open(&left)?;
        let bars = residuals.edges.windows(2).zip(&residuals.counts).map(|(edges, &count)| {
            Rectangle::new([(edges[0], 0.0), (edges[1], count as f64)], colour(0).mix(0.8).filled())
        });
        chart.draw_series(bars)?;

        let frame = Frame {
            x_name: "normal quantile",
            y_name: "residual",
            x: extent(residuals.normal.iter()),
            y: extent(residuals.quantiles.iter()),
            ..Frame::default()
        };
        let ends = [frame.x.start, frame.x.end].map(|z| (z, residuals.mean + residuals.deviation * z));
        let mut chart = frame.open(&right)?;
        chart.draw_series(line(ends.into_iter(), INK.mix(0.5)))?;
        let points = residuals.normal.iter().zip(&residuals.quantiles);
        chart.draw_series(points.map(|(&x, &y)| Circle::new((x, y), 2, colour(0).filled())))?;
        Ok(())
    })
}

pub(super) fn predicted_vs_actual(points: &PredictedVsActual) -> Option<String> {
    let title = match points.r2 {
        Some(r2) => format!("Predicted and actual: R² {}", tick(r2)),
        None => "Predicted and actual".into(),
    };
    sheet((WIDTH, HEIGHT), &title, |area| {
        let range = extent(points.actual.iter().chain(&points.predicted));
        let frame = Frame {
            x_name: "actual",
            y_name: "predicted",
            x: range.clone(),
            y: range.clone(),
            ..Frame::default()
        };
        let mut chart = frame.open(area)?;
        let ends = [range.start, range.end].map(|end| (end, end));
        chart.draw_series(line(ends.into_iter(), INK.mix(0.6)))?;
        let every = points.actual.len().div_ceil(POINTS).max(1);
        let shown = points.actual.iter().zip(&points.predicted).step_by(every);
        chart.draw_series(shown.map(|(&x, &y)| Circle::new((x, y), 3, colour(0).mix(0.55).filled())))?;
        Ok(())
    })
}

pub(super) fn learning_curve(curve: &LearningCurve) -> Option<String> {
    let last = *curve.held_out.last()?;
    let title = format!("Learning curve: {} {} on rows held out", curve.metric.name(), tick(last));
    let room = 130;
    sheet((WIDTH, HEIGHT), &title, |area| {
        let most = curve.rows.last().copied().unwrap_or(1) as f64;
        let frame = Frame {
            x_name: "rows learned from",
            y_name: curve.metric.name(),
            x: 0.0..most * 1.04,
            y: extent(curve.held_out.iter().chain(&curve.learned)),
            legend: room,
            ..Frame::default()
        };
        let mut chart = frame.open(area)?;
        for (at, scores) in [&curve.held_out, &curve.learned].into_iter().enumerate() {
            let points = || curve.rows.iter().map(|&rows| rows as f64).zip(scores.iter().copied());
            chart.draw_series(line(points(), colour(at)))?;
            chart.draw_series(points().map(|point| Circle::new(point, 4, colour(at).filled())))?;
        }
        legend(area, [("rows held out", colour(0)), ("rows learned", colour(1))].into_iter(), room)
    })
}
