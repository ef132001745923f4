//! The log, on standard error.

use std::io::{self, IsTerminal};

use tracing::Level;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::fmt;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::registry;
use tracing_subscriber::util::SubscriberInitExt as _;

use crate::output;
use crate::settings::{LogFormat, LogSettings};

/// Starts logging. A second call does nothing.
pub(crate) fn start(settings: &LogSettings) {
    let filter = directives(settings.level.as_str()).parse();
    let filter = filter.unwrap_or_else(|_| Targets::new().with_default(Level::INFO));
    let filtered = registry().with(filter);
    let lines = fmt::layer().with_writer(io::stderr);
    let human = match settings.format {
        LogFormat::Human => true,
        LogFormat::Json => false,
        LogFormat::Auto => io::stderr().is_terminal(),
    };
    let _ = if human {
        let lines = lines.with_ansi(output::colours_stderr()).with_target(false);
        filtered.with(lines).try_init()
    } else {
        let lines = lines.json().flatten_event(true).with_current_span(true);
        filtered.with(lines.with_span_list(false)).try_init()
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
