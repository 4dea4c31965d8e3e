//! Health, version and the API's description.
