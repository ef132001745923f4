//! Hearing of changes of the table of mounts as they happen (proc_pid_mounts(5)).

use std::fs::File;
use std::io;

use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

use super::mountinfo::TABLE;

/// Tells when something is mounted or unmounted in this process's mount namespace.
#[derive(Debug)]
pub struct MountWatch {
    table: AsyncFd<File>,
}

impl MountWatch {
    /// Begins to watch, on the runtime that this is called on.
    ///
    /// # Errors
    /// Where `/proc` is not what it should be.
    pub fn open() -> io::Result<Self> {
        #[expect(
            deprecated,
            reason = "its successor is unsafe, for types that may close their descriptor early; a file keeps it"
        )]
        let table = AsyncFd::with_interest(File::open(TABLE)?, Interest::PRIORITY)?;
        Ok(Self { table })
    }

    /// Waits for a change since the last call; several changes may be told as one.
    ///
    /// # Errors
    /// Where the runtime is about to end.
    /// # Cancel safety
    /// Dropping the future loses no change.
    pub async fn changed(&mut self) -> io::Result<()> {
        let mut ready = self.table.ready(Interest::PRIORITY).await?;
        ready.clear_ready();
        Ok(())
    }
}
