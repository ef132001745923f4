//! The environment's layer.

use std::collections::BTreeMap;

use super::setting::{ENV_PREFIX, SHARED_DATABASE_ENV};

/// The environment variables that concern this service. One that is empty is the same as absent.
#[derive(Debug, Default)]
pub(super) struct Environment {
    pub(super) set: BTreeMap<String, String>,
    pub(super) unreadable: Vec<String>,
}

impl Environment {
    /// Those of this process.
    pub(super) fn of_process() -> Self {
        let mut environment = Self::default();
        for (name, value) in std::env::vars_os() {
            let Ok(name) = name.into_string() else { continue };
            if !name.starts_with(ENV_PREFIX) && name != SHARED_DATABASE_ENV {
                continue;
            }
            match value.into_string() {
                Ok(value) if value.is_empty() => {}
                Ok(value) => {
                    environment.set.insert(name, value);
                }
                Err(_) => environment.unreadable.push(name),
            }
        }
        environment
    }

    /// One of them.
    pub(super) fn get(&self, name: &str) -> Option<&String> {
        self.set.get(name)
    }
}
