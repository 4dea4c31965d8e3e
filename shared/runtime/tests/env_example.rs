//! `.env.example` documents every variable, with its default, and no other.

use fettle_runtime::Config;
use fettle_runtime::config::VARIABLES;

const EXAMPLE: &str = include_str!("../../../.env.example");

/// The lines that are no comments.
fn settings() -> impl Iterator<Item = (&'static str, &'static str)> {
    EXAMPLE.lines().filter(|line| !line.starts_with('#')).filter_map(|line| line.split_once('='))
}

#[test]
fn the_example_and_the_program_know_the_same_variables() {
    let documented: Vec<(&str, &str)> = settings().collect();
    let known: Vec<(&str, &str)> =
        VARIABLES.iter().map(|variable| (variable.name, variable.default)).collect();
    assert_eq!(documented, known);
}

#[test]
fn the_example_is_a_configuration() {
    Config::from_vars(settings().map(|(name, value)| (name.to_owned(), value.to_owned()))).unwrap();
}
