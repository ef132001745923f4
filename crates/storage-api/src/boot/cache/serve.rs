//! What one request gets: bytes from the disk, from a file that grows, or from the storage.

use std::sync::Arc;

use storage_backends::{FileBytes, FileEntry, ReadRequest};
use storage_domain::ByteCount;
use tokio::task::spawn_blocking;
use tokio::time::Instant;

use super::super::origin::Origin;
use super::check::Found;
use super::fill::{End, Fill};
use super::reader::Reader;
use super::source::{Place, changed, is_changed};
use super::verify::Verdict;
use super::{Cache, Held, cost};
use crate::error::ApiError;
use crate::http::download::{Download, FileRequest, TRIES, changes_all_the_time};
use crate::service::AppError;

/// How far beyond what is filled a client may ask and wait for it; what is further on is read apart.
const AHEAD: u64 = 4 << 20;

/// Where the bytes of an answer are.
enum Bytes {
    Local(Reader, Origin),
    Storage(FileBytes),
}

impl Cache {
    /// Opens a file, and decides what a request gets of it. Its bytes are those of the reader, or the download's own.
    ///
    /// # Errors
    /// Those of [`Download::open`].
    pub(in crate::boot) async fn download(
        self: &Arc<Self>,
        place: &Place,
        asked: &FileRequest,
    ) -> Result<(Download, Option<Reader>, Origin), ApiError> {
        for _ in 0..TRIES {
            let mut found = self.find(place).await?;
            let mut file = Download::of(found.entry.clone(), asked)?;
            let Some(wanted) = file.wanted.clone() else {
                return Ok((file, None, found.origin()));
            };
            if found.held.is_none() && file.validators.allow_ranges() {
                found.held = self.begin(place, &file.entry, &wanted);
            }
            match self.bytes(place, found, wanted).await {
                Ok(Bytes::Local(reader, origin)) => return Ok((file, Some(reader), origin)),
                Ok(Bytes::Storage(bytes)) => {
                    file.bytes = Some(bytes);
                    return Ok((file, None, Origin::Storage));
                }
                Err(error) if is_changed(&error) => self.doubt(place),
                Err(error) => return Err(error.into()),
            }
        }
        Err(changes_all_the_time())
    }

    async fn bytes(
        self: &Arc<Self>,
        place: &Place,
        found: Found,
        wanted: ReadRequest,
    ) -> Result<Bytes, AppError> {
        let origin = found.origin();
        let reader = match found.held {
            Some(Held::Kept(kept)) => match self.prove(&kept).await {
                Verdict::Good => {
                    let (cache, opened) = (Arc::clone(self), Arc::clone(&kept));
                    let open = move || opened.open(&cache.disk);
                    let Ok(Ok(file)) = spawn_blocking(open).await else {
                        self.drop_damaged(&kept);
                        return Err(changed());
                    };
                    Some(Reader::of(file, kept, &wanted))
                }
                Verdict::Damaged => return Err(changed()),
                Verdict::Unknown => None,
            },
            Some(Held::Fill(fill)) if wanted.offset <= fill.good() + AHEAD => {
                let mut reader = Reader::following(fill, &wanted);
                reader.ready().await?.then_some(reader)
            }
            Some(Held::Fill(_)) | None => None,
        };
        match reader {
            Some(reader) => Ok(Bytes::Local(reader, origin)),
            None => Ok(Bytes::Storage(self.source.open(place, wanted).await?)),
        }
    }

    /// Begins to fill a file, unless somebody did meanwhile; `None` if this client has to read from the storage.
    fn begin(self: &Arc<Self>, place: &Place, entry: &FileEntry, wanted: &ReadRequest) -> Option<Held> {
        let size = entry.size.map_or(0, ByteCount::get);
        let mut state = self.state();
        let present = state.slots.get(&place.key()).and_then(|slot| slot.held.clone());
        if let Some(held) = present {
            let fits = held.is_version(entry) && held.config() == place.backend.config;
            return fits.then_some(held);
        }
        if wanted.offset > AHEAD || cost(size) > self.settings.bytes || self.stop.is_cancelled() {
            return None;
        }
        let permit = Arc::clone(&self.fills).try_acquire_owned().ok()?;
        let fill = Fill::new(Arc::clone(&self.source), place, entry, self.stop.child_token());
        let slot = state.slots.entry(place.key()).or_default();
        slot.held = Some(Held::Fill(Arc::clone(&fill)));
        (slot.asked, slot.is_confirmed, slot.missing) = (Some(Instant::now()), true, None);
        let (cache, filled) = (Arc::clone(self), Arc::clone(&fill));
        self.tasks.spawn(async move {
            let (own, filling) = (Arc::clone(&cache), Arc::clone(&filled));
            if spawn_blocking(move || own.fill(&filling)).await.is_err() {
                cache.end(&filled, End::Broken(AppError::Task("the fill")));
            }
            drop(permit);
        });
        Some(Held::Fill(fill))
    }
}
