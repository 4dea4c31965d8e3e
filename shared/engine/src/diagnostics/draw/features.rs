//! Drawings of what matters.

use plotters::prelude::*;

use super::super::{Interaction, PermutationImportance, ShapSummary};
use super::{ALARM, Frame, INK, WIDTH, colour, extent, label, line, names, sheet, tick};
use crate::explain::Scale;

/// The most bars.
const BARS: usize = 20;
/// The most features whose contributions are drawn, and the most points of each.
const SWARMS: usize = 14;
const POINTS: usize = 120;
/// Room for names on the left, and how many characters fit.
const NAMES: u32 = 160;
const NAME: usize = 21;

/// The height of so many bars with their axis.
pub(super) fn height(bars: usize, each: u32) -> u32 {
    110 + each * bars.max(2) as u32
}

pub(super) fn permutation_importance(importance: &PermutationImportance) -> Option<String> {
    let shown = &importance.features[..importance.features.len().min(BARS)];
    let first = shown.first()?;
    let title = format!(
        "Without \"{}\" {} is worse by {}",
        label(&first.feature, NAME),
        importance.metric.name(),
        tick(first.mean)
    );
    let axis = format!("how much worse {} is, shuffled {} ×", importance.metric.name(), importance.repeats);
    sheet((WIDTH, height(shown.len(), 24)), &title, |area| {
        let ends: Vec<f64> = shown.iter().flat_map(|f| [0.0, f.mean - f.std, f.mean + f.std]).collect();
        let frame = Frame {
            x_name: &axis,
            x: extent(ends.iter()),
            y: shown.len() as f64..0.0,
            names: Some(NAMES),
            ..Frame::default()
        };
        let mut chart = frame.open(area)?;
        for (at, feature) in shown.iter().enumerate() {
            let y = at as f64;
            let bar = [(0.0, y + 0.2), (feature.mean, y + 0.8)];
            chart.draw_series([Rectangle::new(bar, colour(0).mix(0.85).filled())])?;
            let spread = [feature.mean - feature.std, feature.mean + feature.std].map(|x| (x, y + 0.5));
            chart.draw_series(line(spread.into_iter(), INK))?;
        }
        names(area, &chart, shown.iter().map(|feature| &feature.feature[..]), NAME)
    })
}

pub(super) fn interactions(interactions: &[Interaction]) -> Option<String> {
    let first = interactions.first()?;
    let pair =
        |i: &Interaction, most| format!("{} × {}", label(&i.features[0], most), label(&i.features[1], most));
    let title = format!("Interactions: {} (H {})", pair(first, 18), tick(first.strength));
    let named = |i: &Interaction| format!("{} (H {})", pair(i, 13), tick(i.strength));
    let pairs: Vec<String> = interactions.iter().map(named).collect();
    sheet((WIDTH, height(pairs.len(), 26)), &title, |area| {
        let most = interactions.iter().map(|interaction| interaction.effect).fold(0.0, f64::max);
        let frame = Frame {
            x_name: "what both do together, beyond the sum",
            x: 0.0..most * 1.05,
            y: pairs.len() as f64..0.0,
            names: Some(NAMES + 90),
            ..Frame::default()
        };
        let mut chart = frame.open(area)?;
        chart.draw_series(interactions.iter().enumerate().map(|(at, interaction)| {
            let bar = [(0.0, at as f64 + 0.2), (interaction.effect, at as f64 + 0.8)];
            Rectangle::new(bar, colour(4).mix(0.85).filled())
        }))?;
        names(area, &chart, pairs.iter().map(|pair| &pair[..]), 2 * NAME)
    })
}

pub(super) fn shap_summary(summary: &ShapSummary) -> Option<String> {
    let shown = &summary.features[..summary.features.len().min(SWARMS)];
    shown.first()?;
    let of = summary.class.as_ref().map(|class| format!(" for \"{}\"", label(class, 20))).unwrap_or_default();
    let title = format!("What each feature adds{of}, beside {} on average", tick(summary.base));
    let axis = match summary.scale {
        Scale::Number => "adds to the prediction",
        Scale::Probability => "adds to the probability",
        Scale::LogOdds => "adds to the log odds",
        Scale::Scores => "adds to the class's score",
        Scale::Logarithm => "adds to the prediction's logarithm",
    };
    let axis = format!("{axis} (blue: low values, red: high ones)");
    sheet((WIDTH, height(shown.len(), 30)), &title, |area| {
        let zero = [0.0];
        let frame = Frame {
            x_name: &axis,
            x: extent(shown.iter().flat_map(|feature| &feature.contributions).chain(&zero)),
            y: shown.len() as f64..0.0,
            names: Some(NAMES),
            ..Frame::default()
        };
        let width = frame.x.end - frame.x.start;
        let mut chart = frame.open(area)?;
        let middle = [(0.0, 0.0), (0.0, shown.len() as f64)];
        chart.draw_series(line(middle.into_iter(), INK.mix(0.6)))?;
        for (at, feature) in shown.iter().enumerate() {
            let every = feature.contributions.len().div_ceil(POINTS).max(1);
            let points = feature.contributions.iter().zip(&feature.values).step_by(every);
            // Points that would lie on one another are moved up and down in turn.
            let mut piled = [0i32; 101];
            let dots: Vec<_> = points
                .map(|(&x, &value)| {
                    let place = ((x - frame.x.start) / width * 100.0).clamp(0.0, 100.0) as usize;
                    let turn = piled[place];
                    piled[place] += 1;
                    let side = if turn % 2 == 0 { 1.0 } else { -1.0 };
                    let aside = (f64::from((turn + 1) / 2) * 0.09 * side).clamp(-0.42, 0.42);
                    Circle::new((x, at as f64 + 0.5 + aside), 3, of_value(value).mix(0.8).filled())
                })
                .collect();
            chart.draw_series(dots)?;
        }
        names(area, &chart, shown.iter().map(|feature| &feature.feature[..]), NAME)
    })
}

/// From blue for the lowest value to red for the highest; grey where there is no order.
fn of_value(place: f64) -> RGBColor {
    if place < 0.0 {
        return INK;
    }
    let (low, high) = (colour(0), ALARM);
    let blend = |from: u8, to: u8| (f64::from(from) + place * (f64::from(to) - f64::from(from))) as u8;
    RGBColor(blend(low.0, high.0), blend(low.1, high.1), blend(low.2, high.2))
}
