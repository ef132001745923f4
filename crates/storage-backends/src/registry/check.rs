//! Checks that settings can be used, and that their time limits nest.

use std::path::PathBuf;
use std::time::Duration;

use crate::nfs;
use crate::settings::Settings;

/// Says which setting is wrong. [`Self::rule`] leaves out the setting's name, for hosts that have names of their own.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SettingsError {
    /// The kernel would still be waiting for a server when the helper is killed.
    #[error("mount_deadline {}", self.rule())]
    MountDeadline {
        /// The least.
        least: Duration,
    },
    /// A test would be ended before its longest step is.
    #[error("test_deadline {}", self.rule())]
    TestDeadline {
        /// The longest step's time limit.
        limit: &'static str,
        /// How long that is.
        takes: Duration,
    },
    /// The mount directory is not what the kernel would call it.
    #[error("mount_dir {} {}", .path.display(), self.rule())]
    MountDir {
        /// The directory.
        path: PathBuf,
    },
}

impl SettingsError {
    /// What the setting must be.
    pub fn rule(&self) -> String {
        match self {
            Self::MountDeadline { least } => {
                format!("must be at least {least:?}, which the kernel needs to give up by itself")
            }
            Self::TestDeadline { limit, takes } => format!("must be longer than {limit} ({takes:?})"),
            Self::MountDir { .. } => {
                "must be an absolute path in UTF-8, free of links and .. segments".to_owned()
            }
        }
    }
}

impl Settings {
    /// Checks everything: what [`Registry::new`](super::Registry::new) refuses, and that a test outlasts its steps.
    ///
    /// # Errors
    /// The first that is wrong.
    pub fn check(&self, test_deadline: Duration) -> Result<(), SettingsError> {
        self.check_own()?;
        Self::check_test_deadline(test_deadline, self.mount_deadline)
    }

    /// Checks that the kernel gives a mount up before its helper is killed.
    ///
    /// # Errors
    /// [`SettingsError::MountDeadline`].
    pub fn check_mount_deadline(mount_deadline: Duration) -> Result<(), SettingsError> {
        let tenths = u64::from(nfs::DEFAULT_TIMEO) * u64::from(nfs::DEFAULT_RETRANS + 1);
        let least = Self::MIN_MOUNT_DEADLINE.max(Duration::from_millis(tenths * 100));
        if mount_deadline < least {
            return Err(SettingsError::MountDeadline { least });
        }
        Ok(())
    }

    /// Checks that a test outlasts each of its steps.
    ///
    /// # Errors
    /// [`SettingsError::TestDeadline`].
    pub fn check_test_deadline(
        test_deadline: Duration,
        mount_deadline: Duration,
    ) -> Result<(), SettingsError> {
        let steps = [
            ("mount_deadline", mount_deadline),
            ("the time limit of statfs(2)", nfs::STATFS_DEADLINE),
        ];
        // Of equal ones the first, which can be set.
        let longest = steps.into_iter().rev().max_by_key(|(_, takes)| *takes);
        match longest {
            Some((limit, takes)) if test_deadline <= takes => {
                Err(SettingsError::TestDeadline { limit, takes })
            }
            _ => Ok(()),
        }
    }

    /// Checks the mount deadline, and that the mount directory, where it is there, is named as the kernel names it:
    /// mounts in it would not be recognised otherwise.
    pub(super) fn check_own(&self) -> Result<(), SettingsError> {
        Self::check_mount_deadline(self.mount_deadline)?;
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
    use crate::Registry;

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
        let equal = settings.check(Settings::DEFAULT_MOUNT_DEADLINE).unwrap_err();
        assert_eq!(
            equal.to_string(),
            "test_deadline must be longer than mount_deadline (30s)"
        );
        settings.mount_deadline = Duration::from_secs(15);
        let short = settings.check(TEST).unwrap_err();
        assert!(
            short
                .to_string()
                .starts_with("mount_deadline must be at least 20s"),
            "{short}"
        );
        let early = Settings::check_test_deadline(nfs::STATFS_DEADLINE, Duration::from_secs(15)).unwrap_err();
        assert!(
            matches!(
                early,
                SettingsError::TestDeadline {
                    takes: nfs::STATFS_DEADLINE,
                    ..
                }
            ),
            "{early}"
        );
    }

    #[test]
    fn a_mount_directory_behind_a_link_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let real = dir.path().canonicalize().unwrap();
        let link = real.join("link");
        std::os::unix::fs::symlink(&real, &link).unwrap();
        assert_eq!(Settings::new(Some(real)).check(TEST), Ok(()));
        for wrong in [link, "mounts".into()] {
            let settings = Settings::new(Some(wrong.clone()));
            let refused = SettingsError::MountDir { path: wrong };
            assert_eq!(settings.check(TEST), Err(refused.clone()));
            assert_eq!(Registry::new(settings).unwrap_err(), refused);
        }
    }
}
