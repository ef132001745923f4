//! S3 over objects in memory.

use std::sync::{Arc, Mutex, MutexGuard};
use std::time::SystemTime;

use s3s::dto::*;
use s3s::{S3, S3Request, S3Response, S3Result, s3_error};

use super::{Contents, Object, pages};

/// Which conditional writes a server honours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Honours {
    All,
    /// It ignores them when an upload is completed, and when an object is copied.
    Put,
    /// It ignores all of them.
    None,
    /// It refuses all of them.
    Refuses,
}

#[derive(Debug)]
pub(super) struct Server {
    contents: Arc<Mutex<Contents>>,
    honours: Honours,
}

/// The conditions of a request.
struct Conditions<'a> {
    none_match: Option<&'a ETagCondition>,
    matches: Option<&'a ETagCondition>,
    is_put: bool,
}

impl Server {
    pub(super) fn new(contents: Arc<Mutex<Contents>>, honours: Honours) -> Self {
        Self { contents, honours }
    }

    fn contents(&self) -> MutexGuard<'_, Contents> {
        self.contents.lock().unwrap()
    }

    fn check(&self, found: Option<&Object>, conditions: &Conditions<'_>) -> S3Result<()> {
        let is_conditional = conditions.none_match.is_some() || conditions.matches.is_some();
        match self.honours {
            Honours::Refuses if is_conditional => return Err(s3_error!(NotImplemented)),
            Honours::Put if !conditions.is_put => return Ok(()),
            Honours::None => return Ok(()),
            _ => {}
        }
        if conditions.none_match.is_some() && found.is_some() {
            return Err(s3_error!(PreconditionFailed));
        }
        match (conditions.matches.and_then(ETagCondition::as_etag), found) {
            (None, _) => Ok(()),
            (Some(_), None) => Err(s3_error!(NoSuchKey)),
            (Some(tag), Some(found)) if tag.value() == found.etag => Ok(()),
            (Some(_), Some(_)) => Err(s3_error!(PreconditionFailed)),
        }
    }
}

pub(super) fn tag(object: &Object) -> ETag {
    ETag::Strong(object.etag.clone())
}

pub(super) fn size(object: &Object) -> Option<i64> {
    i64::try_from(object.bytes.len()).ok()
}

#[async_trait::async_trait]
impl S3 for Server {
    async fn put_object(&self, request: S3Request<PutObjectInput>) -> S3Result<S3Response<PutObjectOutput>> {
        let input = request.input;
        let object = Object::new(pages::collect(input.body).await?);
        let mut contents = self.contents();
        let conditions = Conditions {
            none_match: input.if_none_match.as_ref(),
            matches: input.if_match.as_ref(),
            is_put: true,
        };
        self.check(contents.objects.get(&input.key), &conditions)?;
        let e_tag = Some(tag(&object));
        contents.objects.insert(input.key, object);
        Ok(S3Response::new(PutObjectOutput {
            e_tag,
            ..Default::default()
        }))
    }

    async fn head_object(
        &self,
        request: S3Request<HeadObjectInput>,
    ) -> S3Result<S3Response<HeadObjectOutput>> {
        let contents = self.contents();
        let object = contents
            .objects
            .get(&request.input.key)
            .ok_or(s3_error!(NoSuchKey))?;
        Ok(S3Response::new(HeadObjectOutput {
            content_length: size(object),
            e_tag: Some(tag(object)),
            last_modified: Some(object.modified.into()),
            ..Default::default()
        }))
    }

    async fn get_object(&self, request: S3Request<GetObjectInput>) -> S3Result<S3Response<GetObjectOutput>> {
        let input = request.input;
        let object = self.contents().objects.get(&input.key).cloned();
        let object = object.ok_or(s3_error!(NoSuchKey))?;
        if let Some(wanted) = input.if_match.as_ref().and_then(ETagCondition::as_etag)
            && wanted.value() != object.etag
        {
            return Err(s3_error!(PreconditionFailed));
        }
        let all = object.bytes.len() as u64;
        let (bytes, content_range) = match input.range {
            None => (object.bytes.clone(), None),
            Some(range) => {
                let part = range.check(all)?;
                let at = |place: u64| usize::try_from(place).unwrap();
                let shown = format!("bytes {}-{}/{all}", part.start, part.end - 1);
                (object.bytes.slice(at(part.start)..at(part.end)), Some(shown))
            }
        };
        Ok(S3Response::new(GetObjectOutput {
            content_length: i64::try_from(bytes.len()).ok(),
            content_range,
            body: Some(StreamingBlob::from(s3s::Body::from(bytes))),
            e_tag: Some(tag(&object)),
            last_modified: Some(object.modified.into()),
            ..Default::default()
        }))
    }

    async fn delete_object(
        &self,
        request: S3Request<DeleteObjectInput>,
    ) -> S3Result<S3Response<DeleteObjectOutput>> {
        self.contents().objects.remove(&request.input.key);
        Ok(S3Response::new(DeleteObjectOutput::default()))
    }

    /// Leaves what has `locked` in its key.
    async fn delete_objects(
        &self,
        request: S3Request<DeleteObjectsInput>,
    ) -> S3Result<S3Response<DeleteObjectsOutput>> {
        let keys = request.input.delete.objects.into_iter().map(|object| object.key);
        let (left, gone): (Vec<_>, Vec<_>) = keys.partition(|key| key.contains("locked"));
        let mut contents = self.contents();
        contents.objects.retain(|key, _| !gone.contains(key));
        let errors = left.into_iter().map(|key| Error {
            code: Some("AccessDenied".to_owned()),
            key: Some(key),
            ..Default::default()
        });
        Ok(S3Response::new(DeleteObjectsOutput {
            errors: Some(errors.collect()),
            ..Default::default()
        }))
    }

    async fn copy_object(
        &self,
        request: S3Request<CopyObjectInput>,
    ) -> S3Result<S3Response<CopyObjectOutput>> {
        let input = request.input;
        let CopySource::Bucket { key, .. } = &input.copy_source else {
            return Err(s3_error!(NotImplemented));
        };
        if self.honours == Honours::Refuses && request.headers.contains_key("if-none-match") {
            return Err(s3_error!(NotImplemented));
        }
        let mut contents = self.contents();
        let object = contents
            .objects
            .get(&**key)
            .cloned()
            .ok_or(s3_error!(NoSuchKey))?;
        let result = CopyObjectResult {
            e_tag: Some(tag(&object)),
            ..Default::default()
        };
        contents.objects.insert(input.key, object);
        Ok(S3Response::new(CopyObjectOutput {
            copy_object_result: Some(result),
            ..Default::default()
        }))
    }

    async fn list_objects_v2(
        &self,
        request: S3Request<ListObjectsV2Input>,
    ) -> S3Result<S3Response<ListObjectsV2Output>> {
        Ok(S3Response::new(pages::objects(&self.contents(), &request.input)))
    }

    async fn create_multipart_upload(
        &self,
        request: S3Request<CreateMultipartUploadInput>,
    ) -> S3Result<S3Response<CreateMultipartUploadOutput>> {
        let mut contents = self.contents();
        contents.begun += 1;
        let id = format!("upload-{}", contents.begun);
        contents
            .uploads
            .insert(id.clone(), std::collections::BTreeMap::new());
        Ok(S3Response::new(CreateMultipartUploadOutput {
            key: Some(request.input.key),
            upload_id: Some(id),
            ..Default::default()
        }))
    }

    async fn upload_part(
        &self,
        request: S3Request<UploadPartInput>,
    ) -> S3Result<S3Response<UploadPartOutput>> {
        let input = request.input;
        let object = Object::new(pages::collect(input.body).await?);
        let mut contents = self.contents();
        let upload = contents
            .uploads
            .get_mut(&input.upload_id)
            .ok_or(s3_error!(NoSuchUpload))?;
        let e_tag = Some(tag(&object));
        upload.insert(input.part_number, object);
        Ok(S3Response::new(UploadPartOutput {
            e_tag,
            ..Default::default()
        }))
    }

    async fn list_parts(&self, request: S3Request<ListPartsInput>) -> S3Result<S3Response<ListPartsOutput>> {
        let contents = self.contents();
        let upload = contents.uploads.get(&request.input.upload_id);
        let page = pages::parts(upload.ok_or(s3_error!(NoSuchUpload))?, &request.input);
        Ok(S3Response::new(page))
    }

    async fn abort_multipart_upload(
        &self,
        request: S3Request<AbortMultipartUploadInput>,
    ) -> S3Result<S3Response<AbortMultipartUploadOutput>> {
        let removed = self.contents().uploads.remove(&request.input.upload_id);
        removed.ok_or(s3_error!(NoSuchUpload))?;
        Ok(S3Response::new(AbortMultipartUploadOutput::default()))
    }

    async fn complete_multipart_upload(
        &self,
        request: S3Request<CompleteMultipartUploadInput>,
    ) -> S3Result<S3Response<CompleteMultipartUploadOutput>> {
        let input = request.input;
        let mut contents = self.contents();
        let conditions = Conditions {
            none_match: input.if_none_match.as_ref(),
            matches: input.if_match.as_ref(),
            is_put: false,
        };
        let stored = contents
            .uploads
            .get(&input.upload_id)
            .ok_or(s3_error!(NoSuchUpload))?;
        self.check(contents.objects.get(&input.key), &conditions)?;
        let asked = input
            .multipart_upload
            .and_then(|upload| upload.parts)
            .unwrap_or_default();
        let mut bytes = Vec::new();
        for part in &asked {
            let found = part.part_number.and_then(|number| stored.get(&number));
            let found = found
                .filter(|found| part.e_tag == Some(tag(found)))
                .ok_or(s3_error!(InvalidPart))?;
            bytes.extend_from_slice(&found.bytes);
        }
        let mut object = Object::new(bytes.into());
        object.etag = format!("{}-{}", object.etag, asked.len());
        object.modified = SystemTime::now();
        contents.uploads.remove(&input.upload_id);
        let e_tag = Some(tag(&object));
        contents.objects.insert(input.key, object);
        Ok(S3Response::new(CompleteMultipartUploadOutput {
            e_tag,
            ..Default::default()
        }))
    }
}
