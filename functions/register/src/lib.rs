//! Models: register a version, list, show, fetch, move aliases.
