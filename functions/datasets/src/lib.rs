//! Data sets: create, upload, list, look into, delete.
