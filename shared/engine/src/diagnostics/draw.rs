//! Diagnostics as drawings: one SVG each, without fonts or scripts.
//!
//! There is no background, and all colours are of middling brightness, so that a drawing is readable on
//! a light page and on a dark one. Names come from data: they are shortened, and escaped on the way out.

mod classes;
mod features;
mod numbers;
mod parts;

use std::ops::Range;

use plotters::coord::Shift;
use plotters::coord::types::RangedCoordf64;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use super::{Diagnostics, Kind};

/// Text and axes: legible on white (4.3 : 1) and on near black (4.6 : 1).
const INK: RGBColor = RGBColor(0x74, 0x7C, 0x88);
/// Series, told apart by most colour-blind readers.
const SERIES: [RGBColor; 10] = [
    RGBColor(0x3B, 0x82, 0xC4),
    RGBColor(0xD9, 0x6F, 0x1E),
    RGBColor(0x2A, 0x9D, 0x6B),
    RGBColor(0xC8, 0x52, 0x8E),
    RGBColor(0x8A, 0x6F, 0xD1),
    RGBColor(0xA6, 0x8A, 0x1F),
    RGBColor(0x25, 0x9C, 0xB0),
    RGBColor(0xB5, 0x5A, 0x4A),
    RGBColor(0x6E, 0x8F, 0x3A),
    RGBColor(0x7D, 0x86, 0x9C),
];
/// What is to be looked into.
const ALARM: RGBColor = RGBColor(0xD1, 0x49, 0x5B);
const WIDTH: u32 = 620;
const HEIGHT: u32 = 400;
const TITLE: i32 = 20;
const TEXT: i32 = 15;

type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;
type Chart<'a> = ChartContext<'a, SVGBackend<'a>, Cartesian2d<RangedCoordf64, RangedCoordf64>>;
/// Writing to a string does not fail; a range that cannot be laid out does.
type Drawn = Result<(), Box<dyn std::error::Error>>;

/// Draws a kind; `None` when it is not there.
pub(super) fn draw(diagnostics: &Diagnostics, kind: Kind) -> Option<String> {
    let d = diagnostics;
    match kind {
        Kind::ConfusionMatrix => classes::confusion_matrix(d.confusion_matrix.as_ref()?),
        Kind::Roc => classes::roc(&d.roc),
        Kind::PrecisionRecall => classes::precision_recall(&d.precision_recall),
        Kind::Calibration => classes::calibration(d.calibration.as_ref()?),
        Kind::Lift => classes::lift(&d.lift),
        Kind::Residuals => numbers::residuals(d.residuals.as_ref()?),
        Kind::PredictedVsActual => numbers::predicted_vs_actual(d.predicted_vs_actual.as_ref()?),
        Kind::LearningCurve => numbers::learning_curve(d.learning_curve.as_ref()?),
        Kind::PermutationImportance => features::permutation_importance(d.permutation_importance.as_ref()?),
        Kind::ShapSummary => features::shap_summary(d.shap_summary.as_ref()?),
        Kind::PartialDependence => parts::partial_dependence(&d.partial_dependence),
        Kind::Interactions => features::interactions(&d.interactions),
        Kind::Slices => parts::slices(d.slices.as_ref()?),
    }
}

/// A sheet with a title above what `content` draws.
fn sheet(size: (u32, u32), title: &str, content: impl Fn(&Area) -> Drawn) -> Option<String> {
    let mut svg = String::new();
    {
        let root = SVGBackend::with_string(&mut svg, size).into_drawing_area();
        let rest = root.margin(TITLE + 22, 8, 8, 8);
        root.draw_text(title, &text(TITLE, HPos::Left, VPos::Center), (12, TITLE)).ok()?;
        // The plots are drawn in the string's own lifetime: they are gone before it is read.
        content(&rest).ok()?;
        root.present().ok()?;
    }
    let name = escaped(title);
    svg.replacen("<svg ", &format!("<svg role=\"img\" aria-label=\"{name}\" "), 1).into()
}

/// What a chart shows beside its series.
struct Frame<'a> {
    title: &'a str,
    x_name: &'a str,
    y_name: &'a str,
    x: Range<f64>,
    y: Range<f64>,
    /// Room for names on the left, instead of numbers.
    names: Option<u32>,
    /// Room for a legend on the right.
    legend: u32,
}

impl Default for Frame<'_> {
    fn default() -> Self {
        Frame { title: "", x_name: "", y_name: "", x: 0.0..1.0, y: 0.0..1.0, names: None, legend: 0 }
    }
}

impl Frame<'_> {
    fn open<'a>(&self, area: &Area<'a>) -> Result<Chart<'a>, Box<dyn std::error::Error>> {
        self.open_with(area, 6)
    }

    /// With room for names below instead of numbers.
    fn open_without_x<'a>(&self, area: &Area<'a>) -> Result<Chart<'a>, Box<dyn std::error::Error>> {
        self.open_with(area, 0)
    }

    fn open_with<'a>(
        &self,
        area: &Area<'a>,
        x_labels: usize,
    ) -> Result<Chart<'a>, Box<dyn std::error::Error>> {
        let (x, y) = (spread(&self.x)?, spread(&self.y)?);
        let mut builder = ChartBuilder::on(area);
        if !self.title.is_empty() {
            builder.caption(self.title, text(TEXT, HPos::Left, VPos::Top));
        }
        let mut chart = builder
            .margin_right(12 + self.legend)
            .margin_top(6)
            .x_label_area_size(if self.x_name.is_empty() { 28 } else { 46 })
            .y_label_area_size(self.names.unwrap_or(if self.y_name.is_empty() { 48 } else { 70 }))
            .build_cartesian_2d(x, y)?;
        let mut mesh = chart.configure_mesh();
        mesh.light_line_style(TRANSPARENT)
            .bold_line_style(INK.mix(0.25))
            .axis_style(INK.mix(0.6))
            .label_style(text(TEXT - 2, HPos::Left, VPos::Top))
            .axis_desc_style(text(TEXT, HPos::Left, VPos::Top))
            .x_labels(x_labels)
            .y_labels(6)
            .x_desc(self.x_name)
            .x_label_formatter(&tick_of)
            .y_label_formatter(&tick_of);
        if self.names.is_some() {
            mesh.disable_y_mesh().y_labels(0);
        } else {
            mesh.y_desc(self.y_name);
        }
        mesh.draw()?;
        Ok(chart)
    }
}

/// Writes a name beside each bar, at heights 0.5, 1.5, …
fn names<'a>(area: &Area, chart: &Chart, names: impl Iterator<Item = &'a str>, most: usize) -> Drawn {
    let (left, _) = area.get_base_pixel();
    let (_, top) = area.get_base_pixel();
    let start = chart.plotting_area().get_pixel_range().0.start;
    for (at, name) in names.enumerate() {
        let (_, y) = chart.backend_coord(&(0.0, at as f64 + 0.5));
        let style = text(TEXT - 2, HPos::Right, VPos::Center);
        area.draw_text(&label(name, most), &style, (start - 8 - left, y - top))?;
    }
    Ok(())
}

/// Coloured names on the right.
fn legend<'a>(area: &Area, names: impl Iterator<Item = (&'a str, RGBColor)>, room: u32) -> Drawn {
    let (width, _) = area.dim_in_pixel();
    let x = (width - room) as i32;
    for (at, (name, colour)) in names.enumerate() {
        let y = 16 + 22 * at as i32;
        area.draw(&Rectangle::new([(x, y - 5), (x + 14, y + 5)], colour.filled()))?;
        area.draw_text(name, &text(TEXT - 2, HPos::Left, VPos::Center), (x + 20, y))?;
    }
    Ok(())
}

fn line<'a>(
    points: impl Iterator<Item = (f64, f64)>,
    colour: impl Color,
) -> LineSeries<SVGBackend<'a>, (f64, f64)> {
    LineSeries::new(points, colour.stroke_width(2))
}

fn colour(series: usize) -> RGBColor {
    SERIES[series % SERIES.len()]
}

fn text(size: i32, horizontal: HPos, vertical: VPos) -> TextStyle<'static> {
    ("sans-serif", size).into_font().color(&INK).pos(Pos::new(horizontal, vertical))
}

/// A name from data as it is written on a drawing: on one line, at most so many characters, and nothing
/// that XML cannot hold.
fn label(name: &str, most: usize) -> String {
    let clean = |c: char| if c.is_control() || matches!(c, '\u{FFFE}' | '\u{FFFF}') { ' ' } else { c };
    let mut label: String = name.chars().take(most).map(clean).collect();
    if name.chars().nth(most).is_some() {
        label.pop();
        label.push('…');
    }
    label
}

/// Text as it may stand in HTML and in XML, between tags or in an attribute.
pub(super) fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in label(text, usize::MAX).chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            other => escaped.push(other),
        }
    }
    escaped
}

/// A number as people read it: four digits, and k, M, G, T for thousands.
pub(super) fn tick(value: f64) -> String {
    let size = value.abs();
    if size != 0.0 && !(1e-3..1e15).contains(&size) {
        return format!("{value:.1e}");
    }
    let (unit, suffix) = match size {
        s if s >= 1e12 => (1e12, "T"),
        s if s >= 1e9 => (1e9, "G"),
        s if s >= 1e6 => (1e6, "M"),
        s if s >= 1e4 => (1e3, "k"),
        _ => (1.0, ""),
    };
    let value = value / unit;
    let digits = match value.abs() {
        v if v >= 1000.0 => 0,
        v if v >= 100.0 => 1,
        v if v >= 10.0 => 2,
        _ => 3,
    };
    let mut text = format!("{value:.digits$}");
    if text.contains('.') {
        text.truncate(text.trim_end_matches('0').trim_end_matches('.').len());
    }
    if text == "-0" { "0".into() } else { format!("{text}{suffix}") }
}

/// The signature that plotters asks for.
#[expect(clippy::trivially_copy_pass_by_ref)]
fn tick_of(value: &f64) -> String {
    tick(*value)
}

/// A range that can be laid out: not empty, and not lost in rounding. Ascending or descending.
fn spread(range: &Range<f64>) -> Result<Range<f64>, String> {
    let (size, width) = (range.start.abs().max(range.end.abs()), range.end - range.start);
    if !width.is_finite() || size > 1e300 {
        return Err("a range that cannot be laid out".into());
    }
    if width.abs() > size * 1e-9 && width.abs() > 1e-300 {
        return Ok(range.clone());
    }
    let margin = if size > 1e-290 { size * 1e-3 } else { 1.0 };
    Ok(range.start - margin..range.end + margin)
}

/// From the lowest to the highest of some values, with a margin.
fn extent<'a>(values: impl Iterator<Item = &'a f64>) -> Range<f64> {
    let (lowest, highest) =
        values.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), &v| (low.min(v), high.max(v)));
    if lowest > highest {
        return 0.0..1.0;
    }
    let margin = (highest - lowest) * 0.04;
    lowest - margin..highest + margin
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_short() {
        for (value, expected) in [
            (0.0, "0"),
            (0.25, "0.25"),
            (-1.5, "-1.5"),
            (1234.0, "1234"),
            (45_600.0, "45.6k"),
            (2e6, "2M"),
            (1e-9, "1.0e-9"),
            (1e300, "1.0e300"),
            (100.0, "100"),
        ] {
            assert_eq!(tick(value), expected);
        }
    }

    #[test]
    fn names_are_cut_and_cleaned() {
        assert_eq!(label("a\u{0}b\nc", 9), "a b c");
        assert_eq!(label("ananas", 4), "ana…");
        assert_eq!(escaped("<script>'\"&"), "&lt;script&gt;&#39;&quot;&amp;");
    }

    #[test]
    fn every_range_can_be_laid_out_or_is_refused() {
        assert_eq!(spread(&(0.0..1.0)).unwrap(), 0.0..1.0);
        assert_eq!(spread(&(5.0..0.0)).unwrap(), 5.0..0.0);
        for value in [0.0, 3.0, 1e200, 1e-320, -7.0] {
            let spread = spread(&(value..value)).unwrap();
            assert!(spread.start < spread.end, "{value}");
        }
        assert!(spread(&(-1e308..1e308)).is_err());
    }
}
