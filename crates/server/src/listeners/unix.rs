//! Sockets in the file system.

use std::fs::{self, Permissions};
use std::io::{self, ErrorKind};
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};

/// The file of a socket; removed when this is dropped, unless another socket took its place.
#[derive(Debug)]
pub(crate) struct SocketFile {
    path: PathBuf,
    identity: (u64, u64),
}

/// Listens at `path`. What another process left there is replaced, if nobody listens any more.
///
/// The socket gets its permissions under another name first, so that nobody can connect before it has them.
///
/// # Errors
/// Somebody listens there, something else is there, or the system refuses.
pub(super) fn bind(path: &Path, mode: u32) -> io::Result<(UnixListener, SocketFile)> {
    check_free(path)?;
    let mut making = path.as_os_str().to_owned();
    making.push(format!(".{}", std::process::id()));
    let making = PathBuf::from(making);
    remove_left(&making)?;
    let listener = UnixListener::bind(&making)?;
    let placed = place(&making, path, mode);
    if placed.is_err() {
        let _ = fs::remove_file(&making);
    }
    Ok((listener, placed?))
}

fn place(making: &Path, path: &Path, mode: u32) -> io::Result<SocketFile> {
    fs::set_permissions(making, Permissions::from_mode(mode))?;
    let identity = identity(making)?;
    fs::rename(making, path)?;
    Ok(SocketFile {
        path: path.to_owned(),
        identity,
    })
}

fn check_free(path: &Path) -> io::Result<()> {
    match path.symlink_metadata() {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
        Ok(found) if !found.file_type().is_socket() => {
            let why = "there is something that is no socket";
            return Err(io::Error::new(ErrorKind::AlreadyExists, why));
        }
        Ok(_) => {}
    }
    match UnixStream::connect(path) {
        Err(error) if error.kind() == ErrorKind::ConnectionRefused => Ok(()),
        Ok(_) => Err(ErrorKind::AddrInUse.into()),
        Err(error) => Err(error),
    }
}

/// Removes what a process of the same number left when it was killed.
fn remove_left(making: &Path) -> io::Result<()> {
    match making.symlink_metadata() {
        Ok(found) if found.file_type().is_socket() => fs::remove_file(making),
        _ => Ok(()),
    }
}

fn identity(path: &Path) -> io::Result<(u64, u64)> {
    let found = path.symlink_metadata()?;
    Ok((found.dev(), found.ino()))
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        if identity(&self.path).is_ok_and(|found| found == self.identity) {
            let _ = fs::remove_file(&self.path);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mode(path: &Path) -> u32 {
        path.symlink_metadata().unwrap().permissions().mode() & 0o777
    }

    #[test]
    fn the_socket_has_its_permissions_and_goes_with_its_owner() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("api.sock");
        let (listener, file) = bind(&path, 0o620).unwrap();
        assert_eq!(mode(&path), 0o620);
        UnixStream::connect(&path).unwrap();
        assert_eq!(bind(&path, 0o600).unwrap_err().kind(), ErrorKind::AddrInUse);
        drop((listener, file));
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
    }

    #[test]
    fn a_socket_that_nobody_serves_is_replaced() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("api.sock");
        drop(UnixListener::bind(&path).unwrap());
        let (_listener, first) = bind(&path, 0o600).unwrap();
        fs::remove_file(&path).unwrap();
        let (_other, _second) = bind(&path, 0o600).unwrap();
        drop(first);
        UnixStream::connect(&path).expect("the first took the second's socket away");
    }

    #[test]
    fn what_is_no_socket_stays() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("notes");
        fs::write(&path, "kept").unwrap();
        assert!(bind(&path, 0o600).is_err());
        let link = dir.path().join("link");
        std::os::unix::fs::symlink(&path, &link).unwrap();
        assert!(bind(&link, 0o600).is_err());
        assert_eq!(fs::read_to_string(&path).unwrap(), "kept");
    }
}
