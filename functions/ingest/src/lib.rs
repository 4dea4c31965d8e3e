//! Turns an uploaded file into a columnar snapshot with a profile.
