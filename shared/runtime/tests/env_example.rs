//! `.env.example` documents every variable, with its default, and no other.

use fettle_runtime::Config;
use fettle_runtime::config::VARIABLES;

const EXAMPLE: &str = include_str!("../../../.env.example");

#[test]
fn the_example_and_the_program_know_the_same_variables() {
    let documented: Vec<(&str, &str)> = EXAMPLE.lines().filter_map(|line| line.split_once('=')).collect();
    let known: Vec<(&str, &str)> =
        VARIABLES.iter().map(|variable| (variable.name, variable.default)).collect();
    assert_eq!(documented, known);
}

#[test]
fn the_example_is_a_configuration() {
    let vars = EXAMPLE.lines().filter_map(|line| line.split_once('='));
    Config::from_vars(vars.map(|(name, value)| (name.to_owned(), value.to_owned()))).unwrap();
}
