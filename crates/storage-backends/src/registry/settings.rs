//! What backends need to know of their host.

use std::path::PathBuf;
use std::time::Duration;

use storage_domain::TemplatePatterns;

use crate::nfs;
use crate::worker::WorkerCommand;

/// What backends need to know of their host.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The private directory in which backends are mounted; `None` switches mounting off.
    pub mount_dir: Option<PathBuf>,
    /// How the worker process is started.
    pub worker: WorkerCommand,
    /// Which files are boot or install images.
    pub templates: TemplatePatterns,
    /// How long a mount may take.
    pub mount_deadline: Duration,
    /// How long a scan may take.
    pub scan_deadline: Duration,
}

impl Settings {
    /// How long a mount may take where nothing else is said: 25 round trips at 300 ms and the kernel's own limits.
    pub const DEFAULT_MOUNT_DEADLINE: Duration = Duration::from_secs(30);
    /// How long a scan may take where nothing else is said.
    pub const DEFAULT_SCAN_DEADLINE: Duration = Duration::from_hours(1);
    /// Below this a mount deadline would end before the kernel's own time limits.
    pub const MIN_MOUNT_DEADLINE: Duration = Duration::from_secs(20);

    /// Settings with the defaults, mounting in `mount_dir`, with this program as its own worker.
    pub fn new(mount_dir: Option<PathBuf>) -> Self {
        Self {
            mount_dir,
            worker: WorkerCommand::this_program(),
            templates: TemplatePatterns::default(),
            mount_deadline: Self::DEFAULT_MOUNT_DEADLINE,
            scan_deadline: Self::DEFAULT_SCAN_DEADLINE,
        }
    }
}

/// What is wrong with [`Settings`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SettingsError {
    /// The kernel would still be waiting for a server when the worker is killed.
    #[error("mount_deadline has to be at least {} s, so that the kernel's own time limits end first", .least.as_secs())]
    MountDeadline {
        /// The least.
        least: Duration,
    },
    /// A test would be ended before its longest step is.
    #[error("a test has to be given at least {} s, which is longer than its longest step", .least.as_secs())]
    TestDeadline {
        /// The least.
        least: Duration,
    },
    /// The mount directory is not what the kernel would call it.
    #[error("mount_dir {path} has to be an absolute path in UTF-8, free of links and .. segments")]
    MountDir {
        /// The directory.
        path: PathBuf,
    },
}

impl Settings {
    /// Checks, at start, that the time limits nest (kernel < worker < test), and that the mount directory, where it is
    /// there, is named as the kernel names it: mounts in it would not be recognised otherwise.
    ///
    /// # Errors
    /// The first that is wrong.
    pub fn check(&self, test_deadline: Duration) -> Result<(), SettingsError> {
        let tenths = u64::from(nfs::DEFAULT_TIMEO) * u64::from(nfs::DEFAULT_RETRANS + 1);
        let least = Self::MIN_MOUNT_DEADLINE.max(Duration::from_millis(tenths * 100));
        if self.mount_deadline < least {
            return Err(SettingsError::MountDeadline { least });
        }
        let longest = self.mount_deadline.max(nfs::STATFS_DEADLINE);
        if test_deadline <= longest {
            let least = longest + Duration::from_secs(1);
            return Err(SettingsError::TestDeadline { least });
        }
        let Some(dir) = &self.mount_dir else {
            return Ok(());
        };
        let is_real = dir.canonicalize().map_or(dir.is_absolute(), |real| real == *dir);
        if dir.to_str().is_none() || !is_real {
            return Err(SettingsError::MountDir { path: dir.clone() });
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEST: Duration = Duration::from_secs(75);

    #[test]
    fn the_defaults_nest() {
        assert_eq!(Settings::new(None).check(TEST), Ok(()));
        let tenths = u64::from(nfs::DEFAULT_TIMEO * (nfs::DEFAULT_RETRANS + 1));
        let kernel = Duration::from_millis(tenths * 100);
        assert!(kernel < nfs::STATFS_DEADLINE && kernel < Settings::MIN_MOUNT_DEADLINE);
    }

    #[test]
    fn time_limits_that_do_not_nest_are_named() {
        let mut settings = Settings::new(None);
        let longest = settings.check(Settings::DEFAULT_MOUNT_DEADLINE).unwrap_err();
        assert!(longest.to_string().contains("31 s"), "{longest}");
        settings.mount_deadline = Duration::from_secs(15);
        let short = settings.check(TEST).unwrap_err();
        assert!(short.to_string().contains("mount_deadline"), "{short}");
    }

    #[test]
    fn a_mount_directory_behind_a_link_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let real = dir.path().canonicalize().unwrap();
        let link = real.join("link");
        std::os::unix::fs::symlink(&real, &link).unwrap();
        assert_eq!(Settings::new(Some(real)).check(TEST), Ok(()));
        assert!(Settings::new(Some(link)).check(TEST).is_err());
        assert!(Settings::new(Some("mounts".into())).check(TEST).is_err());
    }
}
