//! `.env.example` documents every variable, with its default, and no other.

use fettle_runtime::Config;
use fettle_runtime::config::VARIABLES;

const EXAMPLE: &str = include_str!("../../../.env.example");
const COMPOSE: &str = include_str!("../../../compose.yml");

/// Begins the part that only Compose reads.
const COMPOSE_ONLY: &str = "\n# Docker Compose:";

/// The lines that are no comments.
fn settings(text: &'static str) -> impl Iterator<Item = (&'static str, &'static str)> {
    text.lines().filter(|line| !line.starts_with('#')).filter_map(|line| line.split_once('='))
}

/// The variables that the program reads, and those that only Compose does.
fn parts() -> (&'static str, &'static str) {
    EXAMPLE.split_once(COMPOSE_ONLY).expect("a part for Compose")
}

#[test]
fn the_example_and_the_program_know_the_same_variables() {
    let documented: Vec<(&str, &str)> = settings(parts().0).collect();
    let known: Vec<(&str, &str)> =
        VARIABLES.iter().map(|variable| (variable.name, variable.default)).collect();
    assert_eq!(documented, known);
}

#[test]
fn the_example_is_a_configuration() {
    Config::from_vars(settings(parts().0).map(|(name, value)| (name.to_owned(), value.to_owned()))).unwrap();
}

/// The program refuses what it does not know: a variable of Compose alone may not look like one of its
/// own.
#[test]
fn compose_s_own_variables_are_not_the_program_s() {
    for (name, _) in settings(parts().1) {
        assert!(!name.starts_with("FETTLE_"), "{name}");
    }
}

#[test]
fn compose_takes_every_variable_with_a_default_and_the_example_has_it() {
    let mut taken = 0;
    for place in COMPOSE.split("${").skip(1) {
        let end = place.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_')).unwrap_or(place.len());
        let (name, rest) = place.split_at(end);
        assert!(rest.starts_with(":-"), "{name} has no default");
        let documented = settings(EXAMPLE).find(|(documented, _)| *documented == name);
        let (_, value) = documented.unwrap_or_else(|| panic!("{name} is not in .env.example"));
        let default = &rest[2..rest.find('}').unwrap_or(rest.len())];
        assert!(value.is_empty() || default == value, "{name} is {default} here and {value} there");
        taken += 1;
    }
    assert!(taken > 20, "only {taken}");
}
