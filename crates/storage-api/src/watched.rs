//! Files that are read again when they change: keys, and the TLS certificate.
//!
//! One task looks at all of them, on threads that may wait, because their file system may hang. Requests only take what
//! was read last.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Duration;

use storage_persistence::secret_file::FileMark;
use tokio::signal::unix::Signal;
use tokio::task::{JoinHandle, spawn_blocking};
use tokio::time::{MissedTickBehavior, interval};

/// Time between two looks at the files.
const LOOK_EVERY: Duration = Duration::from_secs(2);

/// A set of files that can be read again.
pub trait Reload: Send + Sync {
    /// Reads the files again if they changed, or if `asked`. Blocks as long as their file system does.
    fn reload(&self, asked: bool);
}

/// Reads files again whenever they change, and all of them at every `hangup` (SIGHUP). A set whose file system hangs
/// holds up no other one. Never ends.
pub async fn watch(sets: Vec<Arc<dyn Reload>>, mut hangup: Signal) {
    let mut ticks = interval(LOOK_EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut looks: Vec<Option<JoinHandle<()>>> = sets.iter().map(|_| None).collect();
    loop {
        let asked = tokio::select! {
            _ = ticks.tick() => false,
            Some(()) = hangup.recv() => true,
        };
        if asked && sets.is_empty() {
            tracing::info!(
                "SIGHUP changes nothing here: there are no key or certificate files to read again"
            );
        }
        for (set, look) in sets.iter().zip(&mut looks) {
            if look.as_ref().is_none_or(JoinHandle::is_finished) {
                let set = Arc::clone(set);
                *look = Some(spawn_blocking(move || set.reload(asked)));
            }
        }
    }
}

/// The content of a set of files, as it could be used last.
pub struct Watched<T> {
    /// What they hold, for the log.
    what: &'static str,
    paths: Vec<PathBuf>,
    load: Box<dyn Fn() -> Result<T, String> + Send + Sync>,
    current: RwLock<Arc<T>>,
    seen: Mutex<Seen>,
}

type Marks = Vec<Option<FileMark>>;

/// How the files looked.
struct Seen {
    /// When their present content was read.
    marks: Marks,
    /// When their content could not be used last, and why. They are tried again until they can; the log has it once.
    failed: Option<(Marks, String)>,
}

impl<T> Watched<T> {
    /// Reads the files at `paths` with `load`, whose errors `describe` puts into words for the log.
    ///
    /// # Errors
    /// Those of `load`.
    pub fn open<E: 'static>(
        what: &'static str,
        paths: Vec<PathBuf>,
        load: impl Fn() -> Result<T, E> + Send + Sync + 'static,
        describe: fn(&E) -> String,
    ) -> Result<Self, E> {
        // First, so that a change during the read is seen afterwards.
        let marks = marks(&paths);
        let current = RwLock::new(Arc::new(load()?));
        Ok(Self {
            what,
            paths,
            load: Box::new(move || load().map_err(|error| describe(&error))),
            current,
            seen: Mutex::new(Seen { marks, failed: None }),
        })
    }

    /// Returns what was read last.
    pub fn current(&self) -> Arc<T> {
        let current = self.current.read().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(&current)
    }

    /// Reads the files again if they changed, or if `asked`; returns whether other content is in use now. Files that can't
    /// be used leave it as it was.
    pub fn reload(&self, asked: bool) -> bool {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let marks = marks(&self.paths);
        if marks == seen.marks && !asked {
            seen.failed = None;
            return false;
        }
        match (self.load)() {
            Ok(content) => {
                *self.current.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(content);
                *seen = Seen { marks, failed: None };
                true
            }
            Err(error) => {
                let failure = Some((marks, error));
                if let Some((_, error)) = failure.as_ref().filter(|_| asked || seen.failed != failure) {
                    tracing::error!(error, "{} can't be used; what was read before stays", self.what);
                }
                seen.failed = failure;
                false
            }
        }
    }
}

fn marks(paths: &[PathBuf]) -> Marks {
    paths.iter().map(|path| FileMark::of(path)).collect()
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn files_that_can_not_be_used_change_nothing_and_are_tried_again() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("number");
        fs::write(&path, "1").unwrap();
        let file = path.clone();
        let load = move || {
            fs::read_to_string(&file)
                .map_err(|e| e.to_string())?
                .parse::<u32>()
                .map_err(|e| e.to_string())
        };
        let watched = Watched::open("the number", vec![path.clone()], load, String::clone).unwrap();
        assert!(!watched.reload(false), "nothing changed");
        fs::write(&path, "half").unwrap();
        assert!(!watched.reload(false));
        fs::remove_file(&path).unwrap();
        assert!(!watched.reload(false) && !watched.reload(true));
        assert_eq!(*watched.current(), 1);
        fs::write(&path, "2").unwrap();
        assert!(watched.reload(false));
        assert_eq!(*watched.current(), 2);
        assert!(watched.reload(true), "it is read when asked for");
    }

    /// The file system of keys may hang. Whoever needs them takes those that were read last, and nobody waits.
    #[test]
    fn a_read_that_hangs_holds_up_nobody() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("number");
        fs::write(&path, "1").unwrap();
        let held = Arc::new(Mutex::new(()));
        let (file, gate) = (path.clone(), Arc::clone(&held));
        let load = move || {
            let _open = gate.lock().unwrap();
            fs::read_to_string(&file).map_err(|e| e.to_string())
        };
        let watched = Watched::open("the number", vec![path.clone()], load, String::clone).unwrap();
        std::thread::scope(|scope| {
            let hang = held.lock().unwrap();
            let look = scope.spawn(|| watched.reload(true));
            assert_eq!(*watched.current(), "1");
            fs::write(&path, "2").unwrap();
            drop(hang);
            assert!(look.join().unwrap());
        });
        assert_eq!(*watched.current(), "2");
    }
}
