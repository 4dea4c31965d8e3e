//! An estimator's parameters: declared once, checked before a fit, then read without surprises.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use crate::plan::{SpecError, SpecErrorKind};

/// One parameter that an estimator takes.
#[derive(Debug, Clone, Copy)]
pub struct Parameter {
    /// The name in a trial's `params`.
    pub name: &'static str,
    /// Its type, range and default.
    pub domain: Domain,
    /// Where tuning looks for a better value.
    pub search: Search,
    /// What it does, in one line.
    pub doc: &'static str,
}

/// Where tuning looks for a better value of a parameter; ranges include both ends and lie inside its
/// domain.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Search {
    /// Nowhere: it stays as asked for, or at its default.
    Fixed,
    /// Evenly between two values.
    Between(f64, f64),
    /// Evenly between the logarithms of two values.
    Log(f64, f64),
    /// All words of a choice, or both states of a flag.
    Every,
}

/// The values that a parameter may have; ranges include both ends.
#[derive(Debug, Clone, Copy)]
pub enum Domain {
    /// A whole number.
    Integer {
        /// Smallest.
        min: i64,
        /// Largest.
        max: i64,
        /// When left out.
        default: i64,
    },
    /// A whole number, or null for "chosen from the data", which is the default.
    AutoInteger {
        /// Smallest.
        min: i64,
        /// Largest.
        max: i64,
    },
    /// A real number.
    Number {
        /// Smallest.
        min: f64,
        /// Largest.
        max: f64,
        /// When left out.
        default: f64,
    },
    /// A real number, or null for "chosen from the data", which is the default.
    AutoNumber {
        /// Smallest.
        min: f64,
        /// Largest.
        max: f64,
    },
    /// One of some words.
    Choice {
        /// The words.
        of: &'static [&'static str],
        /// When left out.
        default: &'static str,
    },
    /// True or false.
    Flag {
        /// When left out.
        default: bool,
    },
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Setting {
    Integer(i64),
    Auto,
    Number(f64),
    Choice(&'static str),
    Flag(bool),
}

/// Checked parameters: every declared one has a value inside its domain.
///
/// A getter asked for a name or type that the estimator did not declare panics: that is a bug in
/// the estimator, which the registry's tests find by fitting each with its defaults.
#[derive(Debug, Clone, PartialEq)]
pub struct Params(BTreeMap<&'static str, Setting>);

impl Params {
    /// Checks what was asked for against what is declared; what is left out takes its default.
    /// The error's field is `params.NAME`.
    pub fn check(declared: &'static [Parameter], asked: &Map<String, Value>) -> Result<Params, SpecError> {
        if let Some(name) = asked.keys().find(|name| declared.iter().all(|p| p.name != name.as_str())) {
            let known: Vec<_> = declared.iter().map(|p| p.name).collect();
            return Err(SpecError {
                kind: SpecErrorKind::ParameterUnknown,
                field: format!("params.{name}"),
                detail: format!("there is no parameter '{name}'"),
                remedy: if known.is_empty() {
                    "leave it out: this estimator has no parameters".into()
                } else {
                    format!("use one of: {}", known.join(", "))
                },
            });
        }
        declared
            .iter()
            .map(|p| {
                let setting = match asked.get(p.name) {
                    None => p.domain.default(),
                    Some(value) => p.domain.parse(value).ok_or_else(|| SpecError {
                        kind: SpecErrorKind::OutOfRange,
                        field: format!("params.{}", p.name),
                        detail: format!("'{}' cannot be {value}", p.name),
                        remedy: format!("give {}", p.domain.describe()),
                    })?,
                };
                Ok((p.name, setting))
            })
            .collect::<Result<_, _>>()
            .map(Params)
    }

    /// An [`Domain::Integer`].
    pub fn integer(&self, name: &str) -> i64 {
        match self.0.get(name) {
            Some(Setting::Integer(value)) => *value,
            other => undeclared(name, other),
        }
    }

    /// An [`Domain::AutoInteger`]; `None` when it is to be chosen from the data.
    pub fn auto_integer(&self, name: &str) -> Option<i64> {
        match self.0.get(name) {
            Some(Setting::Integer(value)) => Some(*value),
            Some(Setting::Auto) => None,
            other => undeclared(name, other),
        }
    }

    /// A [`Domain::Number`].
    pub fn number(&self, name: &str) -> f64 {
        match self.0.get(name) {
            Some(Setting::Number(value)) => *value,
            other => undeclared(name, other),
        }
    }

    /// A [`Domain::AutoNumber`]; `None` when it is to be chosen from the data.
    pub fn auto_number(&self, name: &str) -> Option<f64> {
        match self.0.get(name) {
            Some(Setting::Number(value)) => Some(*value),
            Some(Setting::Auto) => None,
            other => undeclared(name, other),
        }
    }

    /// A [`Domain::Choice`].
    pub fn choice(&self, name: &str) -> &'static str {
        match self.0.get(name) {
            Some(Setting::Choice(value)) => value,
            other => undeclared(name, other),
        }
    }

    /// A [`Domain::Flag`].
    pub fn flag(&self, name: &str) -> bool {
        match self.0.get(name) {
            Some(Setting::Flag(value)) => *value,
            other => undeclared(name, other),
        }
    }
}

fn undeclared(name: &str, found: Option<&Setting>) -> ! {
    panic!("the estimator reads the parameter '{name}' otherwise than it declared it: {found:?}")
}

impl Domain {
    fn default(&self) -> Setting {
        match *self {
            Domain::Integer { default, .. } => Setting::Integer(default),
            Domain::AutoInteger { .. } | Domain::AutoNumber { .. } => Setting::Auto,
            Domain::Number { default, .. } => Setting::Number(default),
            Domain::Choice { default, .. } => Setting::Choice(default),
            Domain::Flag { default } => Setting::Flag(default),
        }
    }

    fn parse(&self, value: &Value) -> Option<Setting> {
        match *self {
            Domain::AutoInteger { .. } | Domain::AutoNumber { .. } if value.is_null() => Some(Setting::Auto),
            Domain::Integer { min, max, .. } | Domain::AutoInteger { min, max } => {
                value.as_i64().filter(|v| (min..=max).contains(v)).map(Setting::Integer)
            }
            Domain::Number { min, max, .. } | Domain::AutoNumber { min, max } => {
                value.as_f64().filter(|v| (min..=max).contains(v)).map(Setting::Number)
            }
            Domain::Choice { of, .. } => {
                let word = value.as_str()?;
                of.iter().find(|w| **w == word).map(|w| Setting::Choice(w))
            }
            Domain::Flag { .. } => value.as_bool().map(Setting::Flag),
        }
    }

    fn describe(&self) -> String {
        match *self {
            Domain::Integer { min, max, .. } => format!("a whole number from {min} to {max}"),
            Domain::AutoInteger { min, max } => format!("a whole number from {min} to {max}, or null"),
            Domain::Number { min, max, .. } => format!("a number from {min} to {max}"),
            Domain::AutoNumber { min, max } => format!("a number from {min} to {max}, or null"),
            Domain::Choice { of, .. } => format!("one of: {}", of.join(", ")),
            Domain::Flag { .. } => "true or false".into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    static DECLARED: &[Parameter] = &[
        Parameter {
            name: "trees",
            domain: Domain::Integer { min: 1, max: 10, default: 3 },
            search: Search::Fixed,
            doc: "",
        },
        Parameter {
            name: "leaf",
            domain: Domain::AutoInteger { min: 1, max: 10 },
            search: Search::Fixed,
            doc: "",
        },
        Parameter {
            name: "rate",
            domain: Domain::Number { min: 0.0, max: 1.0, default: 0.5 },
            search: Search::Fixed,
            doc: "",
        },
        Parameter {
            name: "reach",
            domain: Domain::AutoNumber { min: 0.5, max: 2.0 },
            search: Search::Fixed,
            doc: "",
        },
        Parameter {
            name: "grow",
            domain: Domain::Choice { of: &["deep", "leaf"], default: "deep" },
            search: Search::Fixed,
            doc: "",
        },
        Parameter { name: "fast", domain: Domain::Flag { default: true }, search: Search::Fixed, doc: "" },
    ];

    fn check(asked: &Value) -> Result<Params, SpecError> {
        Params::check(DECLARED, asked.as_object().unwrap())
    }

    #[test]
    fn defaults_fill_what_is_left_out() {
        let params = check(&json!({})).unwrap();
        assert_eq!(params.integer("trees"), 3);
        assert_eq!(params.auto_integer("leaf"), None);
        assert_eq!(params.auto_number("reach"), None);
        assert_eq!(params.number("rate").to_bits(), 0.5f64.to_bits());
        assert_eq!(params.choice("grow"), "deep");
        assert!(params.flag("fast"));
    }

    #[test]
    fn what_is_asked_for_wins() {
        let params =
            check(&json!({"trees": 10, "leaf": 2, "rate": 1, "reach": 1.5, "grow": "leaf", "fast": false}))
                .unwrap();
        assert_eq!(params.integer("trees"), 10);
        assert_eq!(params.auto_integer("leaf"), Some(2));
        assert_eq!(params.auto_number("reach"), Some(1.5));
        assert_eq!(params.number("rate").to_bits(), 1f64.to_bits());
        assert_eq!(params.choice("grow"), "leaf");
        assert!(!params.flag("fast"));
    }

    #[test]
    fn wrong_values_are_named() {
        for asked in [
            json!({"trees": 11}),
            json!({"trees": 1.5}),
            json!({"trees": null}),
            json!({"leaf": 0}),
            json!({"rate": 1.01}),
            json!({"rate": "1"}),
            json!({"reach": 2.5}),
            json!({"grow": "wide"}),
            json!({"fast": 1}),
        ] {
            let error = check(&asked).unwrap_err();
            assert_eq!(error.kind, SpecErrorKind::OutOfRange, "{asked}");
            assert_eq!(error.field, format!("params.{}", asked.as_object().unwrap().keys().next().unwrap()));
        }
        assert_eq!(check(&json!({"depth": 1})).unwrap_err().kind, SpecErrorKind::ParameterUnknown);
    }
}
