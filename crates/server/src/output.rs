//! The only door to standard output and standard error.

use std::io::{self, IsTerminal, Write};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// Writes a command's result to standard output. A reader that went away (`| head`) is not a mistake.
///
/// # Errors
/// Where it can't be written, such as on a full disk.
pub(crate) fn result(text: &str) -> io::Result<()> {
    match whole_result(text) {
        Err(e) if e.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        other => other,
    }
}

/// Writes a result that its reader has to get to standard output.
///
/// # Errors
/// If it can't be written, or nobody reads it.
pub(crate) fn whole_result(text: &str) -> io::Result<()> {
    let mut out = io::stdout().lock();
    out.write_all(text.as_bytes()).and_then(|()| out.flush())
}

/// Writes a part of a result to standard output; returns whether its reader is still there.
///
/// # Errors
/// If it can't be written, such as on a full disk.
pub(crate) fn piece(bytes: &[u8]) -> io::Result<bool> {
    let mut out = io::stdout().lock();
    match out.write_all(bytes).and_then(|()| out.flush()) {
        Err(e) if e.kind() == io::ErrorKind::BrokenPipe => Ok(false),
        other => other.map(|()| true),
    }
}

/// Writes a line for the user to standard error; a failure has nobody to report it to.
/// Control characters are escaped: a part of it may come from a server.
pub(crate) fn note(text: &str) {
    let _ = writeln!(io::stderr().lock(), "{}", printable(text));
}

/// Returns a text whose control characters are escaped, line ends apart.
pub(crate) fn printable(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for c in text.chars() {
        if c.is_control() && c != '\n' {
            shown.extend(c.escape_default());
        } else {
            shown.push(c);
        }
    }
    shown
}

/// Whether standard output may be coloured: a terminal, and no `NO_COLOR` (<https://no-color.org>).
pub(crate) fn colours_stdout() -> bool {
    io::stdout().is_terminal() && wants_colour()
}

/// Returns a spinner with a message and the time so far for work of unknown length; drawn on a terminal only.
pub(crate) fn spinner() -> ProgressBar {
    let spinner = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
    if let Ok(style) = ProgressStyle::with_template("{spinner} {msg} ({elapsed})") {
        spinner.set_style(style);
    }
    spinner
}

/// Whether standard error may be coloured.
pub(crate) fn colours_stderr() -> bool {
    io::stderr().is_terminal() && wants_colour()
}

fn wants_colour() -> bool {
    let dumb = std::env::var_os("TERM").is_some_and(|t| t == "dumb");
    !dumb && std::env::var_os("NO_COLOR").is_none_or(|v| v.is_empty())
}
