//! Drawings of one panel for each feature, or one point for each part of the rows.

use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, VPos};

use super::super::{PartialDependence, Slice, Slices};
use super::features::height;
use super::{
    ALARM, Area, Drawn, Frame, INK, TEXT, WIDTH, colour, extent, label, legend, line, names, sheet, text,
    tick,
};

/// The most slices that are drawn: the worst.
const SLICES: usize = 24;
/// Room for a legend.
const LEGEND: u32 = 150;
/// The height of a panel.
const PANEL: u32 = 210;

pub(super) fn partial_dependence(features: &[PartialDependence]) -> Option<String> {
    let first = features.first()?;
    let across = features.len().min(2);
    let down = features.len().div_ceil(2);
    let many = first.curves.len() > 1;
    let room = if many { LEGEND } else { 0 };
    let title = match &first.curves.first()?.class {
        Some(class) if !many => format!("Mean probability of \"{}\" by feature", label(class, 30)),
        Some(_) => "Mean probability of each class by feature".into(),
        None => "Mean prediction by feature".into(),
    };
    // One scale for all, so that features can be compared.
    let y = extent(features.iter().flat_map(|feature| &feature.curves).flat_map(|curve| &curve.mean));
    sheet((WIDTH + room, PANEL * down as u32 + 50), &title, |area| {
        let width = area.dim_in_pixel().0 - room;
        let (panels, _) = area.split_horizontally(width);
        for (panel, feature) in panels.split_evenly((down, across)).iter().zip(features) {
            dependence(panel, feature, &y)?;
        }
        if many {
            let names: Vec<String> =
                first.curves.iter().map(|c| label(c.class.as_deref().unwrap_or(""), 14)).collect();
            legend(area, names.iter().enumerate().map(|(at, name)| (&name[..], colour(at))), room - 12)?;
        }
        Ok(())
    })
}

fn dependence(area: &Area, feature: &PartialDependence, y: &std::ops::Range<f64>) -> Drawn {
    let title = label(&feature.feature, 30);
    let levels = feature.labels.len();
    let x = if levels == 0 { extent(feature.numbers.iter()) } else { -0.5..levels as f64 - 0.5 };
    let frame = Frame { title: &title, x, y: y.clone(), ..Frame::default() };
    if levels == 0 {
        let mut chart = frame.open(area)?;
        for (at, curve) in feature.curves.iter().enumerate() {
            let points = feature.numbers.iter().copied().zip(curve.mean.iter().copied());
            chart.draw_series(line(points, colour(at)))?;
        }
        return Ok(());
    }
    let mut chart = frame.open_without_x(area)?;
    for (at, curve) in feature.curves.iter().enumerate() {
        let points = curve.mean.iter().enumerate().map(|(level, &mean)| (level as f64, mean));
        chart.draw_series(points.map(|point| Circle::new(point, 4, colour(at).filled())))?;
    }
    let ((left, top), (_, bottom)) = (area.get_base_pixel(), chart.plotting_area().get_pixel_range());
    // As many names as fit side by side.
    let room = area.dim_in_pixel().0 as usize / levels.max(1);
    let longest = feature.labels.iter().map(|name| name.chars().count()).max().unwrap_or(1).clamp(3, 12);
    let every = (7 * longest + 8).div_ceil(room.max(1));
    for (level, name) in feature.labels.iter().enumerate().step_by(every) {
        let (x, _) = chart.backend_coord(&(level as f64, y.start));
        let style = text(TEXT - 3, HPos::Center, VPos::Top);
        let name = label(name, (room * every / 7).clamp(3, 30));
        area.draw_text(&name, &style, (x - left, bottom.end - top + 6))?;
    }
    Ok(())
}

pub(super) fn slices(slices: &Slices) -> Option<String> {
    let mut shown: Vec<(&Slice, f64)> =
        slices.slices.iter().filter_map(|slice| Some((slice, slice.score?))).collect();
    shown.first()?;
    let sign = if slices.metric.greater_is_better() { 1.0 } else { -1.0 };
    shown.sort_by(|a, b| (a.1 * sign).total_cmp(&(b.1 * sign)));
    shown.truncate(SLICES);
    let warned = slices.slices.iter().filter(|slice| slice.warning.is_some()).count();
    let verdict = match warned {
        0 => "none is much worse".to_string(),
        1 => "1 is much worse".to_string(),
        n => format!("{n} are much worse"),
    };
    let title = format!("{} by slice ({} on all): {verdict}", slices.metric.name(), tick(slices.overall));
    let named: Vec<String> = shown
        .iter()
        .map(|(slice, _)| {
            format!("{}: {} ({})", label(&slice.feature, 14), label(&slice.values, 18), slice.rows)
        })
        .collect();
    sheet((WIDTH, height(shown.len(), 22)), &title, |area| {
        let frame = Frame {
            x_name: slices.metric.name(),
            x: extent(shown.iter().map(|(_, score)| score).chain([&slices.overall])),
            y: shown.len() as f64..0.0,
            names: Some(270),
            ..Frame::default()
        };
        let mut chart = frame.open(area)?;
        let all = [(slices.overall, 0.0), (slices.overall, shown.len() as f64)];
        chart.draw_series(line(all.into_iter(), INK.mix(0.6)))?;
        for (at, (slice, score)) in shown.iter().enumerate() {
            let colour = if slice.warning.is_some() { ALARM } else { colour(0) };
            let y = at as f64 + 0.5;
            chart.draw_series(line([(slices.overall, y), (*score, y)].into_iter(), colour.mix(0.5)))?;
            chart.draw_series([Circle::new((*score, y), 5, colour.filled())])?;
        }
        names(area, &chart, named.iter().map(|name| &name[..]), 46)
    })
}
