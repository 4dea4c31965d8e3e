//! What the user sees: results on stdout, everything about them on stderr, colours only where they
//! can be seen and are wanted.

use crate::failure::Result;
use anstream::AutoStream;
use anstyle::{AnsiColor, Style};
use std::io::{self, Write};

/// Headings, and what is beside the point.
pub(crate) const DIM: Style = Style::new().dimmed();
/// What to look at first.
pub(crate) const BOLD: Style = Style::new().bold();
/// Done, or the best.
pub(crate) const GOOD: Style = Style::new().fg_color(Some(anstyle::Color::Ansi(AnsiColor::Green)));
/// What went wrong.
pub(crate) const BAD: Style = Style::new().fg_color(Some(anstyle::Color::Ansi(AnsiColor::Red)));

/// Text in a style. `anstream` takes the style away again where it is not wanted.
pub(crate) fn styled(style: Style, text: impl std::fmt::Display) -> String {
    format!("{style}{text}{style:#}")
}

/// A line on stdout.
pub(crate) fn line(text: &str) -> Result<()> {
    Ok(writeln!(anstream::stdout(), "{text}")?)
}

/// Text on stdout, as it is.
pub(crate) fn raw(text: &str) -> Result<()> {
    let mut stdout = io::stdout().lock();
    stdout.write_all(text.as_bytes())?;
    if !text.ends_with('\n') {
        stdout.write_all(b"\n")?;
    }
    Ok(())
}

/// Whether stdout takes colours.
pub(crate) fn coloured() -> bool {
    AutoStream::choice(&io::stdout()) != anstream::ColorChoice::Never
}

/// A line beside the result, on stderr. Nobody to tell is no failure.
pub(crate) fn note(text: &str) {
    let _ = writeln!(anstream::stderr(), "{text}");
}

/// What went wrong, on stderr.
pub(crate) fn error(label: &str, text: &str) {
    let _ = writeln!(anstream::stderr(), "{}: {text}", styled(BAD.bold(), label));
}

/// More on what went wrong, on stderr.
pub(crate) fn error_part(label: &str, text: &str) {
    let _ = writeln!(anstream::stderr(), "  {}: {text}", styled(BOLD, label));
}
