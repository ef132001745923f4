//! The private directories, looked at once at start.

use std::fs::{DirBuilder, File, Metadata, Permissions, TryLockError};
use std::io::ErrorKind;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use nix::unistd::{Uid, User, geteuid};

use super::Settings;

/// The state directory of the systemd unit and of the image.
const SYSTEM: &str = "/var/lib/pureboot-storage";

/// The mount directory's name in the state directory.
pub(crate) const MOUNTS: &str = "mounts";
/// The name of the directory of boot files in the state directory.
pub(crate) const BOOT_CACHE: &str = "boot-cache";
/// The service's name, as directories have it.
const NAME: &str = "pureboot-storage";
/// Only the owner.
const PRIVATE: u32 = 0o700;
/// What others must not have.
const OTHERS: u32 = 0o077;
/// Write permission of other users.
const OTHERS_WRITE: u32 = 0o022;
/// Sticky bit: only the owner of an entry, the directory's owner and root may rename the entry.
const STICKY: u32 = 0o1000;

/// Returns the state directory that is used if none is set.
///
/// The service's user gets the same one on the command line as from systemd: commands then work on the service's database.
///
/// # Errors
/// The rule that says what is missing.
pub(crate) fn default_state_dir() -> Result<PathBuf, String> {
    let (me, system) = (geteuid(), Path::new(SYSTEM));
    if me.is_root() || system.metadata().is_ok_and(|found| found.uid() == me.as_raw()) {
        return Ok(system.to_owned());
    }
    let absolute = |name: &str| {
        std::env::var_os(name)
            .map(PathBuf::from)
            .filter(|p| p.is_absolute())
    };
    absolute("XDG_STATE_HOME")
        .or_else(|| absolute("HOME").map(|home| home.join(".local/state")))
        .map(|base| base.join(NAME))
        .ok_or_else(|| "must be set, because neither XDG_STATE_HOME nor HOME is".to_owned())
}

/// Makes the directories if they are missing, and sees to it that they are private. The paths in `settings` are
/// free of symbolic links afterwards.
///
/// # Errors
/// What is wrong and what to do.
pub(crate) fn prepare(settings: &mut Settings) -> anyhow::Result<()> {
    settings.state_dir = private("state_dir", &settings.state_dir)?;
    if let Some(mount_dir) = &mut settings.mount_dir {
        *mount_dir = private("mount_dir", mount_dir)?;
        refuse_shared(mount_dir)?;
    }
    if let Some(cache) = &mut settings.boot_cache {
        cache.directory = private("boot_cache", &cache.directory)?;
    }
    Ok(())
}

/// Checks the state directory if it exists, for commands that make none. Its path is free of symbolic links afterwards.
///
/// # Errors
/// What is wrong and what to do.
pub(crate) fn look_up(settings: &mut Settings) -> anyhow::Result<()> {
    const KEY: &str = "state_dir";
    let shown = settings.state_dir.display().to_string();
    match settings.state_dir.canonicalize() {
        Ok(real) => {
            let found = real.symlink_metadata();
            let found = found.with_context(|| format!("{KEY}: {shown} can't be read"))?;
            check_owner(KEY, &real, &found)?;
            settings.state_dir = real;
            Ok(())
        }
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error).with_context(|| format!("{KEY}: {shown} can't be resolved")),
    }
}

/// The directories of a running service. The kernel gives them back when the process ends, however it ends.
#[derive(Debug)]
pub(crate) struct Claim {
    _locks: Vec<File>,
}

/// Claims the directories for this process: two that manage the same mounts would take them from each other.
///
/// # Errors
/// Another service runs in one of them.
pub(crate) fn claim(settings: &Settings) -> anyhow::Result<Claim> {
    let state_dir = Some(("state_dir", &settings.state_dir));
    let mount_dir = settings.mount_dir.as_ref().map(|dir| ("mount_dir", dir));
    let boot_cache = settings.boot_cache.as_ref();
    let boot_cache = boot_cache.map(|cache| ("boot_cache", &cache.directory));
    let directories = state_dir.into_iter().chain(mount_dir).chain(boot_cache);
    let locks: Result<_, _> = directories.map(|(key, dir)| lock(key, dir)).collect();
    Ok(Claim { _locks: locks? })
}

fn lock(key: &str, dir: &Path) -> anyhow::Result<File> {
    let shown = dir.display();
    let file = File::open(dir).with_context(|| format!("{key}: {shown} can't be opened"))?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => bail!(
            "{key}: another pureboot-storage runs in {shown}; stop it first, or set another directory with --{}",
            dashed(key)
        ),
        // Some file systems lock no directories.
        Err(TryLockError::Error(error)) => {
            tracing::warn!(directory = %shown, %error, "a second service in this directory would not be noticed");
        }
    }
    Ok(file)
}

/// A private directory of this user at `path`, by its real path.
///
/// # Errors
/// What is wrong with `key` and what to do.
pub(crate) fn private(key: &str, path: &Path) -> anyhow::Result<PathBuf> {
    let shown = path.display();
    let mut builder = DirBuilder::new();
    let made = builder.recursive(true).mode(PRIVATE).create(path);
    made.with_context(|| {
        format!(
            "{key}: the directory {shown} can't be made; set another one with --{}",
            dashed(key)
        )
    })?;
    let real = path
        .canonicalize()
        .with_context(|| format!("{key}: {shown} can't be resolved"))?;
    let found = real
        .symlink_metadata()
        .with_context(|| format!("{key}: {shown} can't be read"))?;
    check_owner(key, &real, &found)?;
    if found.permissions().mode() & OTHERS != 0 {
        tighten(key, &real)?;
    }
    Ok(real)
}

fn check_owner(key: &str, path: &Path, found: &Metadata) -> anyhow::Result<()> {
    let (me, shown) = (geteuid(), path.display());
    if !found.is_dir() {
        bail!("{key}: {shown} is not a directory");
    }
    if found.uid() != me.as_raw() {
        let owner = Uid::from_raw(found.uid());
        bail!(
            "{key}: {shown} belongs to {}, and this runs as {}. Run it as that user (sudo -u), give this user the directory (chown), or set another one with --{}",
            named(owner),
            named(me),
            dashed(key)
        );
    }
    Ok(())
}

/// Returns a user's name and number.
fn named(user: Uid) -> String {
    let name = User::from_uid(user).ok().flatten().map(|found| found.name);
    name.map_or_else(|| format!("user {user}"), |name| format!("user {name} ({user})"))
}

/// Makes an empty directory private. One with something in it may be somebody's home: that is the operator's to do.
fn tighten(key: &str, path: &Path) -> anyhow::Result<()> {
    let shown = path.display();
    let mut entries = path
        .read_dir()
        .with_context(|| format!("{key}: {shown} can't be read"))?;
    if entries.next().is_some() {
        bail!(
            "{key}: other users may enter {shown}, which is not empty; if it is only for this service: chmod 700 {shown}"
        );
    }
    std::fs::set_permissions(path, Permissions::from_mode(PRIVATE))
        .with_context(|| format!("{key}: {shown} can't be made private (chmod 700 {shown})"))
}

/// Refuses a mount directory that other users could move away.
///
/// They could below a directory that they may write to, unless it is sticky: everything on the path belongs to root or
/// to this user.
pub(crate) fn refuse_shared(mount_dir: &Path) -> anyhow::Result<()> {
    for above in mount_dir.ancestors().skip(1) {
        let found = above
            .symlink_metadata()
            .with_context(|| format!("mount_dir: {} can't be read", above.display()))?;
        let trusted = found.uid() == 0 || found.uid() == geteuid().as_raw();
        let mode = found.permissions().mode();
        if !trusted || (mode & OTHERS_WRITE != 0 && mode & STICKY == 0) {
            bail!(
                "mount_dir: {} lies below {}, which other users may write to; set another one with --mount-dir, or switch mounting off with --no-mount",
                mount_dir.display(),
                above.display()
            );
        }
    }
    Ok(())
}

fn dashed(key: &str) -> String {
    key.replace('_', "-")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_private_directory_below_a_sticky_one_is_safe() {
        let above = tempfile::tempdir().unwrap();
        let mount_dir = above.path().join("mounts");
        let refused = |mode| {
            std::fs::set_permissions(above.path(), Permissions::from_mode(mode)).unwrap();
            refuse_shared(&mount_dir).is_err()
        };
        assert!(!refused(0o700), "the folder for temporary files is sticky");
        assert!(!refused(0o1777));
        assert!(refused(0o777));
        assert!(refused(0o770));
    }
}
