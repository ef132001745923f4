//! The log, on standard error.

use std::io::{self, IsTerminal};

use tracing_subscriber::EnvFilter;

use crate::output;
use crate::settings::{LogFormat, LogSettings};

/// Starts logging. A second call does nothing.
pub(crate) fn start(settings: &LogSettings) {
    let filter = EnvFilter::new(directives(settings.level.as_str()));
    let builder = tracing_subscriber::fmt()
        .with_writer(io::stderr)
        .with_env_filter(filter);
    let human = match settings.format {
        LogFormat::Human => true,
        LogFormat::Json => false,
        LogFormat::Auto => io::stderr().is_terminal(),
    };
    let _ = if human {
        builder
            .with_ansi(output::colours_stderr())
            .with_target(false)
            .try_init()
    } else {
        builder
            .json()
            .flatten_event(true)
            .with_current_span(true)
            .with_span_list(false)
            .try_init()
    };
}

/// The web server's own words about its threads are none of an operator's business, nor are those about clients that
/// speak no HTTP: a port scan would fill the log with errors. Whoever names a target, or asks for more, gets them.
fn directives(level: &str) -> String {
    match level {
        "error" | "warn" => format!("{level},actix_http::h1::dispatcher=off"),
        "info" => "info,actix_server=warn,actix_http::h1::dispatcher=off".to_owned(),
        _ => level.to_owned(),
    }
}
