//! The built binary, from outside.

mod help;
mod probe;
mod readme;
mod scan;
mod secrets;
mod service;
mod serving;
mod settings;
mod signals;
