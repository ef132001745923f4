//! Runs every call on a mount in a helper process.
//!
//! A call on a mount whose server is gone hangs in the kernel, and neither a thread nor a task that hangs there can be
//! ended; a process can. So the program starts itself again as a helper, sends it one call over a pipe, and kills it
//! if the answer takes too long. A helper whose service is gone ends: its input is closed then.

mod calls;
mod files;
mod process;
pub mod program;
pub(crate) mod protocol;
pub(crate) mod queue;
mod queues;

use std::ffi::OsStr;
use std::io;
use std::path::PathBuf;
use std::process::Stdio;

use tokio::process::Command;

pub use files::protocol::FilesRoot;
pub use protocol::ScanCall;
pub use queue::{FilePipe, FileRead, FilesPlace, HelperQueue, MAX_UPLOADS, StuckHelper, UploadWriter};
pub use queues::{MAX_MOUNTS_IN_FLIGHT, Queues};

/// The only argument of a helper, which nobody types by accident.
const SENTINEL: &str = "--storage-backends-helper-protocol=3";
/// The only argument of a helper that works on files: its input is a socket.
const FILES_SENTINEL: &str = "--storage-backends-helper-protocol=3,files";
/// Name of a helper in a list of processes.
const PROCESS_NAME: &str = "storage-helper";
/// Exit status of a helper whose input is not a call.
const EXIT_PROTOCOL: i32 = 65;
/// Exit status of a helper that panicked, for want of memory or threads.
const EXIT_PANIC: i32 = 70;

/// Says how the helper process is started.
#[derive(Debug, Clone)]
pub struct HelperCommand {
    program: PathBuf,
}

impl HelperCommand {
    /// Names this program, whose `main` has to call [`run_if_requested`] first.
    ///
    /// It stays the same program if the file on disk is replaced by an upgrade.
    pub fn this_program() -> Self {
        Self {
            program: PathBuf::from("/proc/self/exe"),
        }
    }

    /// Names another program, whose `main` calls [`run_if_requested`].
    pub fn program(path: impl Into<PathBuf>) -> Self {
        Self { program: path.into() }
    }

    /// Returns the command, with an empty environment and nothing about backends in its arguments.
    fn command(&self, sentinel: &str) -> Command {
        #[expect(clippy::disallowed_methods, reason = "helpers are started here")]
        let mut command = Command::new(&self.program);
        command
            .arg0(PROCESS_NAME)
            .arg(sentinel)
            .env_clear()
            .stderr(Stdio::null());
        command
    }
}

impl Default for HelperCommand {
    fn default() -> Self {
        Self::this_program()
    }
}

/// Runs the helper and exits, if this process was started as a helper.
///
/// Call it first in `main`, before any thread or runtime is started.
pub fn run_if_requested() {
    let mut args = std::env::args_os().skip(1);
    let (first, None) = (args.next(), args.next()) else {
        return;
    };
    let is = |sentinel| first.as_deref() == Some(OsStr::new(sentinel));
    if is(SENTINEL) {
        std::process::exit(serve());
    }
    if is(FILES_SENTINEL) {
        std::process::exit(files::serve());
    }
}

/// Ends the process at a panic: nobody waits for a helper one of whose threads is gone.
fn panic_ends_process() {
    std::panic::set_hook(Box::new(|_| std::process::exit(EXIT_PANIC)));
}

/// Makes one call, then waits for the end of the input, which ends the process even while the call hangs.
fn serve() -> i32 {
    let call = match protocol::read(&mut io::stdin().lock()) {
        Ok(Some(call)) => call,
        Ok(None) => return 0,
        Err(_) => return EXIT_PROTOCOL,
    };
    panic_ends_process();
    let caller = std::thread::Builder::new()
        .name("call".to_owned())
        .spawn(|| calls::run(call));
    if caller.is_err() {
        return EXIT_PROTOCOL;
    }
    let _closed = io::copy(&mut io::stdin().lock(), &mut io::sink());
    0
}
