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

/// The web server's own words about its threads are none of an operator's business; whoever names a target gets it.
fn directives(level: &str) -> String {
    if level == "info" {
        "info,actix_server=warn".to_owned()
    } else {
        level.to_owned()
    }
}
