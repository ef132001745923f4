//! Makes the calls that a helper gets.

use std::fs::File;
use std::io::{self, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use storage_domain::FilePath;

use super::change::{make_directory, rename};
use super::delete::{Report, delete};
use super::list::{Kept, Listing};
use super::protocol::{BrokenRead, Class, FileCall, FileFailure, FileReply, FilesRoot, Request};
use super::read::OpenFile;
use super::root::{Root, stat};
use super::upload::{abandon, find, publish};
use super::write::OpenUpload;
use crate::helper::protocol;

/// The files that a helper works on.
#[derive(Debug)]
pub(super) struct Work {
    files: FilesRoot,
    /// The root, from the first call that could open it.
    root: Mutex<Option<Arc<Root>>>,
    kept: Kept,
}

/// What became of a call.
enum Made {
    Reply(FileReply),
    Read(OpenFile),
    Write(OpenUpload),
}

impl Work {
    pub(super) fn new(files: FilesRoot) -> Self {
        Self {
            files,
            root: Mutex::default(),
            kept: Kept::default(),
        }
    }

    /// Makes a call. A caller that left takes no answer.
    pub(super) fn answer(&self, request: &Request, pipe: OwnedFd) {
        let mut pipe = File::from(pipe);
        let answer = match self.make(request, &pipe) {
            Ok(Made::Reply(answer)) => answer,
            Ok(Made::Read(file)) => {
                if let Err(failure) = file.send(&mut pipe) {
                    // The reason has to be there before the pipe is closed.
                    let id = request.id;
                    let _service_gone =
                        protocol::write(&mut io::stdout().lock(), &BrokenRead { id, failure });
                }
                return;
            }
            Ok(Made::Write(upload)) => return upload.serve(&pipe),
            Err(failure) => FileReply::Failed(failure),
        };
        if request.call.class() == Class::Change {
            self.kept.forget();
        }
        if let Ok(mut line) = serde_json::to_vec(&answer) {
            line.push(b'\n');
            let _caller_left = pipe.write_all(&line);
        }
    }

    fn make(&self, request: &Request, caller: &File) -> Result<Made, FileFailure> {
        let parse = |path: &str| path.parse::<FilePath>().map_err(|_| FileFailure::NotFound);
        let path = parse(&request.path)?;
        let root = self.root()?;
        let done = |()| FileReply::Done;
        let reply = match &request.call {
            FileCall::List(page) => {
                let listing = Listing {
                    root: &root,
                    kept: &self.kept,
                    path: &path,
                    max_sorted: self.files.max_sorted,
                    limit: page.limit,
                    end: Instant::now() + self.files.names_time,
                    caller: caller.as_fd(),
                };
                listing.page(page.after.as_ref()).map(FileReply::Page)
            }
            FileCall::Stat => stat(&root, &path).map(FileReply::Entry),
            FileCall::Read(read) => return OpenFile::open(&root, &path, read).map(Made::Read),
            FileCall::MakeDirectory => make_directory(&root, &path).map(FileReply::Entry),
            FileCall::Delete(deletion) => delete(&root, &path, *deletion, &mut Report::new(caller)).map(done),
            FileCall::Rename { to } => rename(&root, &path, &parse(to)?).map(done),
            FileCall::FindUpload(upload) => {
                let found = find(&root, &path, *upload)?.ok_or(FileFailure::NotFound)?;
                let bytes = found.file.stx_size;
                Ok(FileReply::Stored { bytes })
            }
            FileCall::Publish {
                upload,
                size,
                condition,
            } => publish(&root, &path, (*upload, *size), condition).map(FileReply::Entry),
            FileCall::Abandon(upload) => abandon(&root, &path, *upload).map(done),
            FileCall::Write { upload, resume } => {
                return OpenUpload::open(&root, &path, *upload, *resume).map(Made::Write);
            }
        };
        reply.map(Made::Reply)
    }

    fn root(&self) -> Result<Arc<Root>, FileFailure> {
        let mut root = self.root.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(root) = &*root {
            return Ok(Arc::clone(root));
        }
        let opened = Arc::new(Root::open(&self.files)?);
        *root = Some(Arc::clone(&opened));
        Ok(opened)
    }
}
