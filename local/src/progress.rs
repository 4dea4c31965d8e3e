//! Progress on a terminal: bars and spinners on stderr, nothing where nobody watches.

use indicatif::{ProgressBar, ProgressStyle};
use std::borrow::Cow;
use std::io::{IsTerminal, Read};
use std::time::Duration;

/// Whether somebody watches stderr.
pub(crate) fn watched() -> bool {
    std::io::stderr().is_terminal()
}

/// Something that takes a while, of which one can not say how long. Gone when dropped.
pub(crate) struct Spinner(ProgressBar);

/// A spinner with what is going on.
pub(crate) fn spinner(now: impl Into<Cow<'static, str>>) -> Spinner {
    let bar = ProgressBar::new_spinner()
        .with_style(style("{spinner:.cyan} {wide_msg} {elapsed:.dim}"))
        .with_message(now);
    if watched() {
        bar.enable_steady_tick(Duration::from_millis(100));
    }
    Spinner(bar)
}

impl Spinner {
    /// Says what is going on now.
    pub(crate) fn now(&self, now: impl Into<Cow<'static, str>>) {
        self.0.set_message(now);
    }
}

impl Drop for Spinner {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}

/// A bar over steps of like size. Gone when dropped.
pub(crate) struct Bar(ProgressBar);

/// A bar over steps, with what is going on.
pub(crate) fn steps() -> Bar {
    let template = "{spinner:.cyan} {bar:28.cyan/blue.dim} {pos}/{len}  {wide_msg} {elapsed:.dim}";
    let bar = ProgressBar::new(0).with_style(style(template).progress_chars("━━─"));
    if watched() {
        bar.enable_steady_tick(Duration::from_millis(100));
    }
    Bar(bar)
}

/// A bar over the bytes of a file.
pub(crate) fn bytes(length: u64, what: impl Into<Cow<'static, str>>) -> Bar {
    let template = "{spinner:.cyan} {bar:28.cyan/blue.dim} {bytes}/{total_bytes}  {bytes_per_sec}  {wide_msg} {eta:.dim}";
    Bar(ProgressBar::new(length).with_style(style(template).progress_chars("━━─")).with_message(what))
}

impl Bar {
    /// Says how much is done, of how much, and what is going on.
    pub(crate) fn at(&self, done: u64, of: u64, now: String) {
        self.0.set_length(of);
        self.0.set_position(done);
        self.0.set_message(now);
    }

    /// A reader that moves the bar by what is read.
    pub(crate) fn over<R: Read>(&self, reader: R) -> impl Read + use<R> {
        self.0.wrap_read(reader)
    }
}

impl Drop for Bar {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}

fn style(template: &str) -> ProgressStyle {
    // The templates are this module's own, and a test draws each of them.
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_spinner())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_templates_are_ones() {
        for template in [
            "{spinner:.cyan} {wide_msg} {elapsed:.dim}",
            "{spinner:.cyan} {bar:28.cyan/blue.dim} {pos}/{len}  {wide_msg} {elapsed:.dim}",
            "{spinner:.cyan} {bar:28.cyan/blue.dim} {bytes}/{total_bytes}  {bytes_per_sec}  {wide_msg} {eta:.dim}",
        ] {
            assert!(ProgressStyle::with_template(template).is_ok(), "{template}");
        }
    }
}
