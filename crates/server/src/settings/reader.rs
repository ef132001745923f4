//! Reads values out of the layers.

use super::file;
use super::layers::{Found, Layers, Origin};
use super::mistakes::Mistakes;
use super::setting::{Key, Kind, Setting};

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

    /// Returns the mode of the file that sets a key, if more users than its owner and its group may read the file.
    pub(crate) fn open_file(&self, key: &Key) -> Option<u32> {
        match &self.layers.get(key)?.origin {
            Origin::File(path) => file::open_mode(path),
            Origin::Flag | Origin::Env(_) | Origin::Default => None,
        }
    }

    /// Reads one value; `None` after a mistake, and if there is none.
    pub(crate) fn one<T>(&mut self, setting: &Setting<T>) -> Option<T> {
        let text = self.found(setting).values.last()?.clone();
        self.keep(setting, &text, (setting.parse)(&text))
    }

    /// Reads one value that has a default.
    pub(crate) fn get<T: Default>(&mut self, setting: &Setting<T>) -> T {
        self.one(setting).unwrap_or_default()
    }

    /// Reads several values, each checked by itself.
    pub(crate) fn many<T>(&mut self, setting: &Setting<T>) -> Vec<T> {
        let values = self.found(setting).values;
        if values.is_empty() && setting.default.is_some() {
            self.mistake(setting, "must not be empty");
        }
        values
            .iter()
            .filter_map(|text| self.keep(setting, text, (setting.parse)(text)))
            .collect()
    }

    /// Reads several values, checked together.
    pub(crate) fn whole<T: Default>(
        &mut self,
        setting: &Setting<String>,
        check: impl Fn(&[String]) -> Result<T, String>,
    ) -> T {
        let values = self.found(setting).values;
        self.keep(setting, &values.join(","), check(&values))
            .unwrap_or_default()
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
                Kind::One | Kind::Flag { .. } => key.default.into_iter().map(str::to_owned).collect(),
            },
            origin: Origin::Default,
        };
        self.layers.get(key).cloned().unwrap_or_else(default)
    }

    fn keep<T>(&mut self, key: &Key, text: &str, parsed: Result<T, String>) -> Option<T> {
        match parsed {
            Ok(value) => Some(value),
            Err(why) if key.is_secret => {
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
