//! Reads files, and what comes of it.

use futures_util::TryStreamExt as _;
use storage_backends::{
    Error, ErrorKind, FileEntry, FileKind, FilePage, PageRequest, Position, ReadRequest, Tree,
};
use storage_domain::FilePath;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use crate::support::asking::cx;

pub(crate) fn path(text: &str) -> FilePath {
    text.parse().unwrap()
}

pub(crate) async fn list(
    tree: &impl Tree,
    at: &str,
    after: Option<Position>,
    limit: usize,
) -> Result<FilePage, Error> {
    tree.list(&cx(), &path(at), &PageRequest { after, limit }).await
}

/// The entries of a directory in pages, and how many pages there were.
pub(crate) async fn all(
    tree: &impl Tree,
    at: &str,
    limit: usize,
    is_sorted: bool,
) -> (Vec<(FileKind, String)>, usize) {
    let (mut seen, mut pages, mut after) = (Vec::new(), 0, None);
    loop {
        let page = list(tree, at, after, limit).await.unwrap();
        assert!(page.entries.len() <= limit, "{page:?}");
        assert_eq!(page.sorted, is_sorted, "{:?}", page.next);
        seen.extend(page.entries.into_iter().map(|entry| (entry.kind, entry.name)));
        pages += 1;
        // What a client gets is the text.
        let text = page.next.map(|next| next.to_string());
        let Some(text) = text else {
            return (seen, pages);
        };
        after = Some(text.parse().unwrap());
    }
}

pub(crate) async fn stat(tree: &impl Tree, at: &str) -> Result<FileEntry, Error> {
    tree.stat(&cx(), &path(at)).await
}

/// Nothing is found at a path, whatever it is asked for.
pub(crate) async fn is_not_there(tree: &impl Tree, at: &str) {
    let errors = [
        stat(tree, at).await.unwrap_err(),
        list(tree, at, None, 9).await.unwrap_err(),
        read(tree, at, 0, None).await.error.unwrap(),
    ];
    assert!(
        errors.iter().all(|error| *error.kind() == ErrorKind::NotFound),
        "{at}: {errors:?}"
    );
}

/// What comes of a file, and the error that ends it.
#[derive(Debug)]
pub(crate) struct Came {
    pub(crate) bytes: Vec<u8>,
    pub(crate) error: Option<Error>,
}

impl Came {
    pub(crate) fn kind(&self) -> Option<&ErrorKind> {
        self.error.as_ref().map(Error::kind)
    }
}

pub(crate) async fn read(tree: &impl Tree, at: &str, offset: u64, length: Option<u64>) -> Came {
    read_version(tree, at, (offset, length), None).await
}

pub(crate) async fn read_version(
    tree: &impl Tree,
    at: &str,
    (offset, length): (u64, Option<u64>),
    etag: Option<&str>,
) -> Came {
    let etag = etag.map(str::to_owned);
    let request = ReadRequest {
        offset,
        length,
        etag,
        size: None,
    };
    let mut bytes = Vec::new();
    let mut stream = match tree.read(&cx(), &path(at), &request).await {
        Ok(stream) => stream,
        Err(error) => {
            let error = Some(error);
            return Came { bytes, error };
        }
    };
    let error = loop {
        match stream.try_next().await {
            Ok(Some(piece)) => bytes.extend_from_slice(&piece),
            Ok(None) => break None,
            Err(error) => break Some(error),
        }
    };
    Came { bytes, error }
}

/// A server that answers any request with this and hangs up; returns its URL.
pub(crate) async fn says(text: impl Into<String>) -> String {
    let (text, listener) = (text.into(), TcpListener::bind(("127.0.0.1", 0)).await.unwrap());
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut head = Vec::new();
            while !head.ends_with(b"\r\n\r\n") {
                let Ok(byte) = stream.read_u8().await else { break };
                head.push(byte);
            }
            let _ = stream.write_all(text.as_bytes()).await;
        }
    });
    format!("http://127.0.0.1:{port}")
}
