//! What preprocessing has decided, in words.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::encoder::Encoder;
use super::redundant::Reason;
use super::shape::short;
use super::{Feature, Preprocessor};
use crate::table::{Field, Kind};

/// What becomes of one column of the table, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Decision {
    /// The column's name.
    pub column: String,
    /// What it means.
    #[serde(rename = "type")]
    pub kind: Kind,
    /// The columns that the estimator learns from, none when it is dropped. Those of hashed words are
    /// summed up in one.
    pub became: Vec<String>,
    /// Why, or how.
    pub why: String,
}

impl Preprocessor {
    /// What becomes of each column, given the columns that it was fitted on and the classes of the
    /// target, if there are any.
    pub fn decisions(&self, fields: &[Field], classes: &[String]) -> Vec<Decision> {
        let names = self.names(fields, classes);
        let mut at = 0;
        let mut decisions = Vec::with_capacity(fields.len());
        for (feature, field) in self.features.iter().zip(fields) {
            let own = at..at + feature.width();
            at = own.end;
            let words = match feature.encoder {
                Encoder::Text { buckets } | Encoder::Words { buckets } => buckets as usize,
                _ => 0,
            };
            let mut became: Vec<String> = names[own.start..own.end - words].to_vec();
            if words > 0 {
                became.push(format!("{}: {words} columns of hashed words", field.name));
            }
            for (product, name) in self.products.iter().zip(&names[self.features_width()..]) {
                if own.contains(&(product.left as usize)) || own.contains(&(product.right as usize)) {
                    became.push(name.clone());
                }
            }
            let why = feature.why(fields);
            decisions.push(Decision { column: field.name.clone(), kind: field.kind, became, why });
        }
        decisions
    }

    /// The names of the matrix's columns.
    pub fn names(&self, fields: &[Field], classes: &[String]) -> Vec<String> {
        let mut names = Vec::with_capacity(self.width());
        for (at, feature) in self.features.iter().enumerate() {
            let name = fields.get(at).map_or("", |field| field.name.as_str());
            feature.name(name, classes, &mut names);
        }
        for product in &self.products {
            let side = |at: u32| names.get(at as usize).map_or("", String::as_str);
            names.push(format!("{} × {}", side(product.left), side(product.right)));
        }
        names
    }
}

impl Feature {
    /// Appends the names of its columns of the matrix.
    fn name(&self, name: &str, classes: &[String], names: &mut Vec<String>) {
        let end = names.len() + self.width();
        let parts = |parts: Vec<String>| parts.into_iter().map(move |part| format!("{name}: {part}"));
        match &self.encoder {
            Encoder::Number | Encoder::Boolean | Encoder::Codes(_) => names.push(name.into()),
            Encoder::Halves => names.extend([name.into(), format!("{name}: what rounding leaves")]),
            Encoder::Shaped(shape) if shape.is_power() => names.push(format!("{name} (power)")),
            Encoder::Shaped(_) => names.push(format!("{name} (clipped)")),
            Encoder::Dates(dates) => names.extend(parts(dates.names())),
            Encoder::Cycles(dates) => names.extend(parts(dates.cycles_names())),
            Encoder::Statistics(statistics) => {
                names.extend(statistics.of().into_iter().map(|class| match class {
                    None => format!("{name}: mean of the target"),
                    Some(class) => match classes.get(class as usize) {
                        Some(class) => format!("{name}: rate of {class}"),
                        None => format!("{name}: rate of class {class}"),
                    },
                }));
            }
            Encoder::Text { .. } | Encoder::Words { .. } => {
                names.extend(parts(vec!["length".into(), "number of words".into()]));
            }
            Encoder::OneHot(_) | Encoder::Dropped(_) => {}
        }
        if self.indicator {
            names.push(format!("{name} is missing"));
        }
        match &self.encoder {
            Encoder::OneHot(one_hot) => {
                names.extend(one_hot.names().into_iter().map(|level| format!("{name} {level}")));
            }
            Encoder::Text { buckets } | Encoder::Words { buckets } => {
                names.extend((1..=*buckets).map(|bucket| format!("{name}: hashed words {bucket}")));
            }
            _ => {}
        }
        // Of a damaged artifact there may be too many or too few.
        names.resize(end, name.into());
    }

    fn why(&self, fields: &[Field]) -> String {
        let mut why = vec![match &self.encoder {
            Encoder::Number => "a number".into(),
            Encoder::Boolean => "0 or 1".into(),
            Encoder::Halves => "a number, as it is: in two columns whose sum it is".into(),
            Encoder::Codes(_) => "its level, as the model knows it".into(),
            Encoder::Shaped(shape) => format!("a number; {}", shape.why()),
            Encoder::Dates(_) => "the parts of a date".into(),
            Encoder::Cycles(_) => {
                "the parts of a date; what turns round is a sine and a cosine, so that its end is next to its \
                 beginning"
                    .into()
            }
            Encoder::OneHot(one_hot) => {
                format!("few frequent levels: {} columns of 0 and 1", one_hot.width())
            }
            Encoder::Statistics(statistics) => format!(
                "many levels: smoothed statistics of the target for {} of them, out of fold while training",
                statistics.levels()
            ),
            Encoder::Text { .. } => "its length, and damped counts of its words".into(),
            Encoder::Words { .. } => "its length, and damped counts of its words and pairs of words".into(),
            Encoder::Dropped(reason) => return dropped(reason, fields),
        }];
        if let Some(measure) = self.measures.first() {
            if measure.is_robust() {
                why.push(
                    "outliers make its standard deviation: told from its median in units of its \
                     interquartile range"
                        .into(),
                );
            } else if measure.is_scaled() {
                why.push("brought to mean 0 and variance 1".into());
            }
            match measure.fill() {
                Some(fill) if self.indicator && self.encoder.is_number() => {
                    why.push(format!("missing values become the median, {}", short(fill)));
                }
                Some(_) if self.indicator => why.push("missing values become the median".into()),
                Some(_) => {}
                None => why.push("missing values stay missing".into()),
            }
        }
        why.join("; ")
    }
}

fn dropped(reason: &Reason, fields: &[Field]) -> String {
    match reason {
        Reason::Constant(0) => "dropped: it has the same value on every training row".into(),
        Reason::Constant(rows) => {
            let rows = if *rows == 1 { "1 training row".into() } else { format!("{rows} training rows") };
            format!("dropped: it has the same value on all but {rows}")
        }
        Reason::Duplicate(of) => match fields.get(*of as usize) {
            Some(field) => format!("dropped: on every training row it is the same as '{}'", field.name),
            None => "dropped: on every training row it is the same as another column".into(),
        },
        Reason::Unselected => "dropped: it says less about the target than the columns kept".into(),
    }
}
