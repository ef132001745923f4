//! Writes on a thread of their own, those that arrive together in one transaction.
//!
//! A commit waits for the disk. While it does, other writes queue up, and the next transaction takes all of them: they share one
//! sync. Each is in a savepoint, so that one that fails takes nothing from the others, and each is answered after the
//! commit. `docs/decisions/writes.md` has the figures.

use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rusqlite::{Connection, Error, OptionalExtension, Savepoint, TransactionBehavior, params_from_iter};
use sea_orm::{DbBackend, Statement};
use tokio::sync::{mpsc, oneshot};

use super::{CACHE_KIB, reader::value};
use crate::error::StoreError;
use crate::keys::KeyId;
use crate::store::audit;
use crate::store::write::{Write, Written};

/// How many writes wait for their turn at the most; the next one waits for a place in the queue.
const QUEUE: usize = 256;
/// How many writes share one transaction at the most.
const MAX_GROUP: usize = 64;
/// How long further writes are waited for after a transaction that several shared.
const GATHER_TIME: Duration = Duration::from_micros(60);

/// How many pages the log may grow to before a commit writes it into the database (16 MiB). All writes wait for that, some
/// 3 ms. With SQLite's own 1,000 pages, those waits were much of the slowest 1 % of all requests.
const CHECKPOINT_PAGES: u32 = 4000;

/// The only connection of this process that writes backends, tokens and audit records to a SQLite file.
#[derive(Debug)]
pub(in crate::store) struct Writer {
    /// `None` once the store is closed.
    running: Mutex<Option<Running>>,
}

/// What reaches the thread, and what sees its end.
#[derive(Debug)]
struct Running(mpsc::Sender<Job>, oneshot::Receiver<()>);

/// A write, and who waits for it.
struct Job {
    what: &'static str,
    write: Write,
    reply: oneshot::Sender<Result<Written, StoreError>>,
}

impl Writer {
    /// Starts the thread, with the priority of the caller: requests wait for it. It opens the file at its first write, and
    /// waits for another process that writes for so long.
    ///
    /// # Errors
    /// The thread can't be started.
    pub(super) fn start(file: PathBuf, patience: Duration) -> Result<Self, StoreError> {
        let (sender, jobs) = mpsc::channel(QUEUE);
        let (running, ended) = oneshot::channel();
        let work = move || {
            run(&file, patience, jobs);
            drop(running);
        };
        std::thread::Builder::new()
            .name("store-writer".to_owned())
            .spawn(work)
            .map_err(|error| StoreError::unavailable(format!("no thread to write: {error}")))?;
        Ok(Self {
            running: Mutex::new(Some(Running(sender, ended))),
        })
    }

    /// Carries out a write; returns after its commit.
    ///
    /// # Cancel safety
    /// A write that has not begun is dropped with the future.
    pub(in crate::store) async fn write(
        &self,
        what: &'static str,
        write: Write,
    ) -> Result<Written, StoreError> {
        let (reply, written) = oneshot::channel();
        let jobs = self.jobs()?;
        // The thread ends only with the store.
        let is_queued = jobs.send(Job { what, write, reply }).await.is_ok();
        match written.await {
            Ok(written) if is_queued => written,
            _ => Err(closed()),
        }
    }

    fn jobs(&self) -> Result<mpsc::Sender<Job>, StoreError> {
        let running = self.running();
        let Running(jobs, _) = running.as_ref().ok_or_else(closed)?;
        Ok(jobs.clone())
    }

    /// Takes no more writes, and waits for the end of those that were taken.
    pub(in crate::store) async fn close(&self) {
        let running = self.running().take();
        if let Some(Running(jobs, ended)) = running {
            drop(jobs);
            // It sends nothing: it is dropped with the thread's connection.
            let _ = ended.await;
        }
    }

    fn running(&self) -> MutexGuard<'_, Option<Running>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn closed() -> StoreError {
    StoreError::unavailable("the store is closed".to_owned())
}

fn run(file: &Path, patience: Duration, mut jobs: mpsc::Receiver<Job>) {
    let mut connection = None;
    let mut is_crowded = false;
    while let Some(first) = jobs.blocking_recv() {
        if is_crowded {
            std::thread::sleep(GATHER_TIME);
        }
        let mut group = vec![first];
        while group.len() < MAX_GROUP
            && let Ok(job) = jobs.try_recv()
        {
            group.push(job);
        }
        is_crowded = group.len() > 1;
        if let Err(error) = commit_all(&mut connection, file, patience, &mut group) {
            // The next group begins with a new connection, whatever state this one is in.
            connection = None;
            for job in group {
                let _ = job.reply.send(Err(StoreError::of_sqlite(job.what, &error)));
            }
        }
    }
}

/// Commits a group and answers each of its writes; on failure, all of them are left in the group, and none was stored.
fn commit_all(
    connection: &mut Option<Connection>,
    file: &Path,
    patience: Duration,
    group: &mut Vec<Job>,
) -> Result<(), Error> {
    let connection = match connection {
        Some(connection) => connection,
        None => connection.insert(open(file, patience)?),
    };
    let mut transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    // It may have waited for another process.
    group.retain(|job| !job.reply.is_closed());
    let mut present = None;
    if group.iter().any(|job| job.write.key.is_some()) {
        present = present_key(&transaction)?;
    }
    let mut written = Vec::with_capacity(group.len());
    for job in &*group {
        let savepoint = transaction.savepoint()?;
        written.push(match apply(&savepoint, job, present.as_ref()) {
            Ok(done) => savepoint.commit().map(|()| Ok(done))?,
            // SQLite ended the whole transaction: the disk is full, or failed.
            Err(Failed::Sqlite(error)) if savepoint.is_autocommit() => return Err(error),
            Err(failed) => savepoint.finish().map(|()| Err(failed))?,
        });
    }
    transaction.commit()?;
    for (job, written) in group.drain(..).zip(written) {
        let written = written.map_err(|failed| match failed {
            Failed::Sqlite(error) => StoreError::of_sqlite(job.what, &error),
            Failed::Refused(error) => error,
        });
        // Whoever asked may have gone.
        let _ = job.reply.send(written);
    }
    Ok(())
}

/// Why one write of a group was not carried out.
enum Failed {
    Sqlite(Error),
    Refused(StoreError),
}

impl From<Error> for Failed {
    fn from(error: Error) -> Self {
        Self::Sqlite(error)
    }
}

fn open(file: &Path, patience: Duration) -> Result<Connection, Error> {
    let connection = Connection::open(file)?;
    connection.busy_timeout(patience)?;
    connection.pragma_update(None, "cache_size", -i64::from(CACHE_KIB))?;
    connection.pragma_update(None, "foreign_keys", true)?;
    connection.pragma_update(None, "secure_delete", true)?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_update(None, "wal_autocheckpoint", CHECKPOINT_PAGES)?;
    Ok(connection)
}

fn present_key(connection: &Connection) -> Result<Option<KeyId>, Error> {
    let mut query = connection.prepare_cached("SELECT id FROM secret_keys WHERE is_current")?;
    let id = query.query_row([], |row| row.get::<_, String>(0)).optional()?;
    Ok(id.map(KeyId::from))
}

fn apply(savepoint: &Savepoint<'_>, job: &Job, present: Option<&KeyId>) -> Result<Written, Failed> {
    let write = &job.write;
    write
        .check_key(present)
        .map_err(|superseded| Failed::Refused(superseded.into()))?;
    let written = execute(savepoint, &write.statement, write.returns_name)?;
    if let Some(record) = write.record_of(&written) {
        let upsert = DbBackend::Sqlite.build(&audit::upsert(&record));
        execute(savepoint, &upsert, false)?;
    }
    Ok(written)
}

fn execute(connection: &Connection, statement: &Statement, returns_name: bool) -> Result<Written, Error> {
    let mut prepared = connection.prepare_cached(&statement.sql)?;
    let values = statement.values.iter().flat_map(|values| &values.0);
    let values = values.map(value).collect::<Result<Vec<_>, _>>()?;
    if !returns_name {
        let rows = prepared.execute(params_from_iter(values))? as u64;
        return Ok(Written { rows, name: None });
    }
    // A name that can't be read must not keep the row.
    let row = prepared
        .query_row(params_from_iter(values), |row| Ok(row.get::<_, String>(0).ok()))
        .optional()?;
    Ok(Written {
        rows: u64::from(row.is_some()),
        name: row.flatten(),
    })
}
