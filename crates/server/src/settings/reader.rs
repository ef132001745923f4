//! Reads values out of the layers.

use super::keys::{Key, Kind};
use super::layers::{Found, Layers, Origin};
use super::mistakes::Mistakes;
use super::values;

/// Reads values out of the layers, and collects what is wrong with them.
#[derive(Debug)]
pub(crate) struct Reader {
    layers: Layers,
    mistakes: Mistakes,
}

impl Reader {
    /// Reads `layers`; `mistakes` were found while they were collected.
    pub(crate) fn new(layers: Layers, mistakes: Mistakes) -> Self {
        Self { layers, mistakes }
    }

    /// Whether anybody set it.
    pub(crate) fn given(&self, key: &Key) -> bool {
        self.layers.get(key).is_some()
    }

    /// Whether it was set on the command line.
    pub(crate) fn is_flag(&self, key: &Key) -> bool {
        self.layers.get(key).is_some_and(|f| f.origin == Origin::Flag)
    }

    /// One value.
    pub(crate) fn one<T>(&mut self, key: &Key, parse: impl Fn(&str) -> Result<T, String>) -> Option<T> {
        let found = self.found(key);
        let text = found.values.last()?.clone();
        self.keep(key, &text, parse(&text))
    }

    /// A number of at least 1, within what the key allows; 0 after a mistake.
    pub(crate) fn one_or_zero(&mut self, key: &Key) -> u32 {
        self.one(key, values::count).unwrap_or(0)
    }

    /// Several values, each checked by itself.
    pub(crate) fn many<T>(&mut self, key: &Key, parse: impl Fn(&str) -> Result<T, String>) -> Option<Vec<T>> {
        let values = self.found(key).values;
        if values.is_empty() && key.default.is_some() {
            self.mistake(key, "must not be empty");
        }
        values
            .iter()
            .map(|text| self.keep(key, text, parse(text)))
            .collect()
    }

    /// Several values, checked together.
    pub(crate) fn whole<T>(
        &mut self,
        key: &Key,
        parse: impl Fn(&[String]) -> Result<T, String>,
    ) -> Option<T> {
        let values = self.found(key).values;
        self.keep(key, &values.join(","), parse(&values))
    }

    /// Notes a mistake at a key.
    pub(crate) fn mistake(&mut self, key: &Key, why: &str) {
        let origin = match self.found(key).origin {
            Origin::Flag => format!("--{}", key.flag()),
            Origin::Env(name) => name,
            Origin::File(path) => format!("in {}", path.display()),
            Origin::Default => "default".to_owned(),
        };
        self.mistakes.add(format!("{} ({origin}) {why}", key.name));
    }

    /// Notes a mistake that belongs to no key.
    pub(crate) fn broken(&mut self, mistake: String) {
        self.mistakes.add(mistake);
    }

    /// Notes what is allowed, and worth a word in the log.
    pub(crate) fn warn(&mut self, text: String) {
        self.layers.warn(text);
    }

    /// What was noted.
    pub(crate) fn take_warnings(&mut self) -> Vec<String> {
        self.layers.take_warnings()
    }

    /// Ends the reading.
    ///
    /// # Errors
    /// Every mistake that was found.
    pub(crate) fn finish(self) -> Result<(), Mistakes> {
        if self.mistakes.is_empty() {
            Ok(())
        } else {
            Err(self.mistakes)
        }
    }

    fn found(&self, key: &Key) -> Found {
        let default = || Found {
            values: match key.kind {
                Kind::Many => key
                    .default
                    .into_iter()
                    .flat_map(|d| d.split(','))
                    .map(str::to_owned)
                    .collect(),
                Kind::One | Kind::Switch { .. } | Kind::Word { .. } => {
                    key.default.into_iter().map(str::to_owned).collect()
                }
            },
            origin: Origin::Default,
        };
        self.layers.get(key).cloned().unwrap_or_else(default)
    }

    fn keep<T>(&mut self, key: &Key, text: &str, parsed: Result<T, String>) -> Option<T> {
        match parsed {
            Ok(value) => Some(value),
            Err(why) if key.is_secret() => {
                self.mistake(key, &why);
                None
            }
            Err(why) => {
                self.mistake(key, &format!("{why}, not {text:?}"));
                None
            }
        }
    }
}
