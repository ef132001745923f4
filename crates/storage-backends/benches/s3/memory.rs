//! 100,000 objects in memory, and those that clients write: one upload at a time.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use s3s::dto::{
    AbortMultipartUploadInput, AbortMultipartUploadOutput, CommonPrefix, CompleteMultipartUploadInput,
    CompleteMultipartUploadOutput, CreateMultipartUploadInput, CreateMultipartUploadOutput, ETag,
    GetObjectInput, GetObjectOutput, HeadObjectInput, HeadObjectOutput, ListObjectsV2Input,
    ListObjectsV2Output, Object, StreamingBlob, Timestamp, UploadPartInput, UploadPartOutput,
};
use s3s::{S3, S3Request, S3Response, S3Result, s3_error};

use crate::server::{OBJECTS, SIZE};
use crate::transfers::BUCKET;

const PAGE: usize = 1000;
/// The validator of everything that is written.
const TAG: &str = "0123456789abcdef0123456789abcdef-128";

/// The keys of each bucket, in order, and what clients write.
pub(crate) struct Memory {
    flat: Vec<String>,
    deep: Vec<String>,
    stored: Mutex<Stored>,
}

/// What was written.
#[derive(Default)]
struct Stored {
    objects: HashMap<String, Vec<Bytes>>,
    parts: BTreeMap<i32, Vec<Bytes>>,
}

impl Memory {
    pub(crate) fn new() -> Self {
        let deep = |n| format!("p{}/{:04}/image-{n:06}.iso", n / 10_000, n / 100);
        Self {
            flat: (0..OBJECTS).map(|n| format!("image-{n:06}.iso")).collect(),
            deep: (0..OBJECTS).map(deep).collect(),
            stored: Mutex::default(),
        }
    }

    fn page(&self, asked: &ListObjectsV2Input) -> Option<ListObjectsV2Output> {
        let keys = match asked.bucket.as_str() {
            "flat" => &self.flat,
            "deep" => &self.deep,
            BUCKET => return Some(ListObjectsV2Output::default()),
            _ => return None,
        };
        let prefix = asked.prefix.as_deref().unwrap_or_default();
        let token = asked.continuation_token.as_deref().unwrap_or_default();
        let max = asked
            .max_keys
            .and_then(|max| usize::try_from(max).ok())
            .unwrap_or(PAGE)
            .min(PAGE);
        let mut at = keys.partition_point(|key| key.as_str() < prefix || key.as_str() <= token);
        let (mut contents, mut prefixes) = (Vec::new(), Vec::new());
        while let Some(key) = keys.get(at).filter(|key| key.starts_with(prefix)) {
            if contents.len() + prefixes.len() == max {
                break;
            }
            let rest = &key[prefix.len()..];
            let delimiter = asked.delimiter.as_deref().filter(|d| !d.is_empty());
            let common = delimiter.and_then(|d| rest.find(d).map(|end| &key[..prefix.len() + end + d.len()]));
            if let Some(common) = common {
                at += keys[at..].partition_point(|key| key.starts_with(common));
                let prefix = Some(common.to_owned());
                prefixes.push(CommonPrefix { prefix });
            } else {
                contents.push(object(key));
                at += 1;
            }
        }
        let more = keys.get(at).is_some_and(|key| key.starts_with(prefix));
        Some(ListObjectsV2Output {
            name: Some(asked.bucket.clone()),
            prefix: asked.prefix.clone(),
            key_count: i32::try_from(contents.len() + prefixes.len()).ok(),
            is_truncated: Some(more),
            next_continuation_token: more.then(|| keys[at - 1].clone()),
            contents: Some(contents),
            common_prefixes: Some(prefixes),
            ..ListObjectsV2Output::default()
        })
    }
}

fn object(key: &str) -> Object {
    Object {
        key: Some(key.to_owned()),
        size: Some(SIZE),
        last_modified: Some(Timestamp::from(std::time::SystemTime::UNIX_EPOCH)),
        ..Object::default()
    }
}

fn length(pieces: &[Bytes]) -> u64 {
    pieces.iter().map(|piece| piece.len() as u64).sum()
}

/// Returns the bytes from `first` to before `end`, without a copy.
fn cut(pieces: &[Bytes], first: u64, end: u64) -> Vec<Bytes> {
    let mut at = 0;
    let mut cut = Vec::new();
    for piece in pieces {
        let (begin, size) = (at, piece.len() as u64);
        at += size;
        let within = |place: u64| usize::try_from(place.clamp(begin, at) - begin).unwrap_or_default();
        if begin < end && at > first {
            cut.push(piece.slice(within(first)..within(end)));
        }
    }
    cut
}

fn tag() -> ETag {
    ETag::Strong(TAG.to_owned())
}

impl Memory {
    fn stored(&self) -> MutexGuard<'_, Stored> {
        self.stored.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn find(&self, key: &str) -> S3Result<Vec<Bytes>> {
        self.stored()
            .objects
            .get(key)
            .cloned()
            .ok_or_else(|| s3_error!(NoSuchKey))
    }
}

#[async_trait::async_trait]
impl S3 for Memory {
    async fn head_object(
        &self,
        request: S3Request<HeadObjectInput>,
    ) -> S3Result<S3Response<HeadObjectOutput>> {
        let pieces = self.find(&request.input.key)?;
        Ok(S3Response::new(HeadObjectOutput {
            content_length: i64::try_from(length(&pieces)).ok(),
            e_tag: Some(tag()),
            last_modified: Some(Timestamp::from(std::time::SystemTime::UNIX_EPOCH)),
            ..HeadObjectOutput::default()
        }))
    }

    async fn get_object(&self, request: S3Request<GetObjectInput>) -> S3Result<S3Response<GetObjectOutput>> {
        let pieces = self.find(&request.input.key)?;
        let all = length(&pieces);
        let part = match request.input.range {
            Some(range) => range.check(all)?,
            None => 0..all,
        };
        let is_part = request.input.range.is_some();
        let body = cut(&pieces, part.start, part.end);
        let body = stream::iter(body).map(Ok::<_, std::io::Error>);
        Ok(S3Response::new(GetObjectOutput {
            body: Some(StreamingBlob::wrap(body)),
            content_length: i64::try_from(part.end - part.start).ok(),
            content_range: is_part.then(|| format!("bytes {}-{}/{all}", part.start, part.end - 1)),
            e_tag: Some(tag()),
            last_modified: Some(Timestamp::from(std::time::SystemTime::UNIX_EPOCH)),
            ..GetObjectOutput::default()
        }))
    }

    async fn create_multipart_upload(
        &self,
        request: S3Request<CreateMultipartUploadInput>,
    ) -> S3Result<S3Response<CreateMultipartUploadOutput>> {
        self.stored().parts.clear();
        Ok(S3Response::new(CreateMultipartUploadOutput {
            key: Some(request.input.key),
            upload_id: Some("upload".to_owned()),
            ..CreateMultipartUploadOutput::default()
        }))
    }

    async fn upload_part(
        &self,
        request: S3Request<UploadPartInput>,
    ) -> S3Result<S3Response<UploadPartOutput>> {
        let body = request.input.body.ok_or_else(|| s3_error!(IncompleteBody))?;
        let pieces = body.try_collect().await.map_err(|_| s3_error!(IncompleteBody))?;
        self.stored().parts.insert(request.input.part_number, pieces);
        Ok(S3Response::new(UploadPartOutput {
            e_tag: Some(tag()),
            ..UploadPartOutput::default()
        }))
    }

    async fn complete_multipart_upload(
        &self,
        request: S3Request<CompleteMultipartUploadInput>,
    ) -> S3Result<S3Response<CompleteMultipartUploadOutput>> {
        let mut stored = self.stored();
        let pieces = std::mem::take(&mut stored.parts)
            .into_values()
            .flatten()
            .collect();
        stored.objects.insert(request.input.key, pieces);
        Ok(S3Response::new(CompleteMultipartUploadOutput {
            e_tag: Some(tag()),
            ..CompleteMultipartUploadOutput::default()
        }))
    }

    async fn abort_multipart_upload(
        &self,
        _: S3Request<AbortMultipartUploadInput>,
    ) -> S3Result<S3Response<AbortMultipartUploadOutput>> {
        self.stored().parts.clear();
        Ok(S3Response::new(AbortMultipartUploadOutput::default()))
    }
    async fn list_objects_v2(
        &self,
        request: S3Request<ListObjectsV2Input>,
    ) -> S3Result<S3Response<ListObjectsV2Output>> {
        match self.page(&request.input) {
            Some(page) => Ok(S3Response::new(page)),
            None => Err(s3_error!(NoSuchBucket)),
        }
    }
}
