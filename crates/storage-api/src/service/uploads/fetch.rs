//! Files that the service fetches from a URL.

use std::sync::Arc;

use storage_backends::web::Fetch;
use storage_backends::{Condition, Error, ErrorKind, Network, OpContext, Progress};
use storage_domain::net::FetchUrl;
use storage_domain::{BackendId, FileHash, FilePath, Invalid, Job, JobKind, Rule};

use super::body::{BodySender, body};
use super::target::Target;
use super::{App, AppError, NewFile, Permit, UploadError, files};

const STEP: &str = "the fetch";

impl App {
    /// Fetches a file from a URL into a backend, as a job that `subject` names. It replaces what is at the path once all of
    /// it is there, and leaves nothing otherwise.
    ///
    /// # Errors
    /// [`AppError::InvalidRequest`] if the URL names an address that may not be connected to; those of
    /// [`App::write_file`] that can be known before; [`AppError::TooManyChanges`].
    pub async fn fetch_file(
        self: &Arc<Self>,
        id: BackendId,
        url: FetchUrl,
        path: FilePath,
        expected: Option<FileHash>,
        subject: String,
    ) -> Result<Box<Job>, AppError> {
        let network = self.fetch_network();
        Fetch::check(&network, &url).await.map_err(|error| {
            let rule = format!("can't be fetched: {}", files(error).sentence());
            AppError::InvalidRequest(vec![Invalid::at("", "url", &Rule::new(rule))])
        })?;
        let new = NewFile {
            path,
            condition: Condition::None,
            expected,
            length: None,
        };
        let write = self.uploads.permit().await?;
        // Mounts what is not mounted, and refuses what can be refused at once.
        self.target(id, &new, Permit::none()).await?;
        let begun = self.supervisor.begin_change(id, JobKind::Fetch).await?;
        let (backend, _) = self.with_files(id).await?;
        let app = Arc::clone(self);
        let work = |cx: OpContext, progress: Arc<Progress>| async move {
            let _held = write;
            let fetch = Fetch::new(network, &url, cx.clone()).map_err(files)?;
            Box::pin(app.fetch_into(id, &new, fetch, &cx, &progress)).await
        };
        let change = self.supervisor.change_files(begun, &backend, subject, work).await;
        change?.into_job()
    }

    /// Returns the network as fetches see it, which shares its bounds with that of the backends.
    fn fetch_network(&self) -> Network {
        let network = self.supervisor.registry.settings().network.clone();
        network.guarded(self.supervisor.settings.fetch_egress.clone())
    }

    async fn fetch_into(
        self: &Arc<Self>,
        id: BackendId,
        new: &NewFile,
        fetch: Fetch,
        cx: &OpContext,
        progress: &Progress,
    ) -> Result<u64, AppError> {
        let target = cx.bound(STEP, self.target(id, new, Permit::none())).await;
        let Target::Free(target) = target.map_err(files)?? else {
            return Err(UploadError::Condition.into());
        };
        let (sender, body) = body();
        let write = self.write_body(*target, new, body, cx.cancellation().clone());
        let most = self.supervisor.settings.max_fetch_bytes;
        let send = send(fetch, sender, new.expected.is_some(), most, progress);
        tokio::pin!(write, send);
        let written = tokio::select! {
            // It is looked at first, so that its failure is never taken for a body that broke off.
            biased;
            fetched = &mut send => {
                let written = write.await;
                fetched.and(written)
            }
            written = &mut write => written,
        };
        let written = written?;
        self.note_written(id, &new.path, &written, None).await;
        Ok(progress.done())
    }
}

/// Sends what is fetched as the body of an upload.
async fn send(
    mut fetch: Fetch,
    sender: BodySender,
    is_checked: bool,
    most: Option<u64>,
    progress: &Progress,
) -> Result<(), AppError> {
    let sent = send_all(&mut fetch, &sender, is_checked, most, progress).await;
    sender.end(sent.is_err().then_some(UploadError::Broken)).await;
    sent
}

async fn send_all(
    fetch: &mut Fetch,
    sender: &BodySender,
    is_checked: bool,
    most: Option<u64>,
    progress: &Progress,
) -> Result<(), AppError> {
    loop {
        let piece = fetch.next().await.map_err(files)?;
        if !is_checked && !fetch.has_end() {
            return Err(refused(
                "The server does not say where the file ends, so that a part could pass for all of it; send sha256"
                    .to_owned(),
            ));
        }
        let size = fetch.size();
        if let Some(size) = size {
            progress.set_total(size);
        }
        let came = progress.done() + piece.as_ref().map_or(0, |piece| piece.len() as u64);
        let least = size.unwrap_or(0).max(came);
        if let Some(most) = most.filter(|most| least > *most) {
            let reason = format!("The file is larger than the {most} bytes that max_fetch_bytes allows");
            return Err(refused(reason));
        }
        let Some(piece) = piece else { return Ok(()) };
        if !sender.send(piece).await {
            // The write has failed, and says why.
            return Ok(());
        }
        progress.add(came - progress.done());
    }
}

fn refused(reason: String) -> AppError {
    files(Error::new(ErrorKind::Refused, STEP).with_source(reason))
}
