//! The only door to standard output and standard error.

use std::io::{self, IsTerminal, Write};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// How often a spinner moves.
const TICK: Duration = Duration::from_millis(100);

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

/// Returns a text as a part of one line: without what would steer a terminal.
pub(crate) fn in_line(text: &str) -> String {
    printable(text).replace('\n', "\\n")
}

/// Whether standard output may be coloured: a terminal, and no `NO_COLOR` (<https://no-color.org>).
pub(crate) fn colours_stdout() -> bool {
    io::stdout().is_terminal() && wants_colour()
}

/// Whether standard error may be coloured.
pub(crate) fn colours_stderr() -> bool {
    io::stderr().is_terminal() && wants_colour()
}

fn wants_colour() -> bool {
    let dumb = std::env::var_os("TERM").is_some_and(|t| t == "dumb");
    !dumb && std::env::var_os("NO_COLOR").is_none_or(|v| v.is_empty())
}

/// Returns a text in a colour of ECMA-48 (31 is red), if it may be coloured.
pub(crate) fn paint(coloured: bool, colour: u8, text: &str) -> String {
    if coloured {
        format!("\u{1b}[{colour}m{text}\u{1b}[0m")
    } else {
        text.to_owned()
    }
}

/// Returns a spinner for work of unknown length. It shows a message and the elapsed time, on a terminal only.
pub(crate) fn spinner() -> ProgressBar {
    let spinner = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
    if let Ok(style) = ProgressStyle::with_template("{spinner} {msg} ({elapsed})") {
        spinner.set_style(style);
    }
    spinner.enable_steady_tick(TICK);
    spinner
}
