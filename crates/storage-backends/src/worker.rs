//! The helper process that makes every call on a mount.
//!
//! A call on a mount whose server is gone hangs in the kernel, and neither a thread nor a task that hangs there can be
//! ended; a process can. So the program starts itself again as a worker, asks it for one thing over a pipe, and kills
//! it where the answer takes too long. A worker ends by itself where its service is gone: its input ends then.

mod calls;
pub(crate) mod protocol;

use std::ffi::OsStr;
use std::io;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;

use protocol::Call;

/// The only argument of a worker; nothing that a person would type.
const SENTINEL: &str = "--storage-backends-worker-protocol=1";
/// The name under which a worker shows in a list of processes.
const PROCESS_NAME: &str = "storage-worker";
/// The exit status of a worker that was sent what is no call.
const EXIT_PROTOCOL: i32 = 65;

/// How the worker process is started.
#[derive(Debug, Clone)]
pub struct WorkerCommand {
    program: PathBuf,
}

impl WorkerCommand {
    /// This very program, which has to call [`run_if_requested`] first in its `main`. It stays the same program where
    /// the file on disk is replaced by an upgrade.
    pub fn this_program() -> Self {
        Self {
            program: PathBuf::from("/proc/self/exe"),
        }
    }

    /// Another program, whose `main` calls [`run_if_requested`].
    pub fn program(path: impl Into<PathBuf>) -> Self {
        Self { program: path.into() }
    }

    /// Starts a worker in a process group of its own, with an empty environment and nothing about backends in its
    /// arguments.
    pub(crate) fn start(&self) -> io::Result<Child> {
        #[expect(
            clippy::disallowed_methods,
            reason = "the one door through which workers are started"
        )]
        let mut command = Command::new(&self.program);
        command
            .arg0(PROCESS_NAME)
            .arg(SENTINEL)
            .env_clear()
            .current_dir("/")
            .process_group(0)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
    }
}

impl Default for WorkerCommand {
    fn default() -> Self {
        Self::this_program()
    }
}

/// Runs the worker and ends the process, where this process was started as a worker; otherwise returns at once.
///
/// To be called first in `main`, before any thread or runtime is started.
pub fn run_if_requested() {
    let mut args = std::env::args_os().skip(1);
    if args.next().as_deref() == Some(OsStr::new(SENTINEL)) && args.next().is_none() {
        std::process::exit(serve());
    }
}

/// Reads calls until the input ends, which ends the process even while a call hangs in the kernel.
fn serve() -> i32 {
    let (sender, receiver) = mpsc::channel::<Call>();
    let caller = std::thread::Builder::new()
        .name("call".to_owned())
        .spawn(move || {
            for call in receiver {
                calls::run(call);
            }
        });
    if caller.is_err() {
        return EXIT_PROTOCOL;
    }
    let mut input = io::stdin().lock();
    loop {
        match protocol::read(&mut input) {
            Ok(Some(call)) => {
                if sender.send(call).is_err() {
                    return EXIT_PROTOCOL;
                }
            }
            Ok(None) => return 0,
            Err(_) => return EXIT_PROTOCOL,
        }
    }
}
