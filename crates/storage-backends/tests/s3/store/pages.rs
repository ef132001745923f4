//! Pages of objects and of parts, and bodies.

use std::collections::BTreeMap;

use bytes::Bytes;
use futures_util::TryStreamExt as _;
use s3s::dto::*;
use s3s::{S3Result, s3_error};

use super::objects::{size, tag};
use super::{Contents, Object};

pub(super) fn objects(contents: &Contents, input: &ListObjectsV2Input) -> ListObjectsV2Output {
    let prefix = input.prefix.as_deref().unwrap_or_default();
    let token = input.continuation_token.as_deref().unwrap_or_default();
    let after = token.max(input.start_after.as_deref().unwrap_or_default());
    let max = usize::try_from(input.max_keys.unwrap_or(1000)).unwrap();
    let (mut objects, mut prefixes, mut last) = (Vec::new(), Vec::<CommonPrefix>::new(), None);
    let mut is_truncated = false;
    for (key, object) in &contents.objects {
        let Some(below) = key.strip_prefix(prefix) else {
            continue;
        };
        let slash = below.find('/').filter(|_| input.delimiter.is_some());
        let name = slash.map_or(&**key, |slash| &key[..=prefix.len() + slash]);
        if name <= after || last.as_deref() == Some(name) {
            continue;
        }
        if objects.len() + prefixes.len() == max {
            is_truncated = true;
            break;
        }
        last = Some(name.to_owned());
        if slash.is_some() {
            prefixes.push(CommonPrefix { prefix: last.clone() });
        } else {
            objects.push(s3s::dto::Object {
                key: last.clone(),
                size: size(object),
                e_tag: Some(tag(object)),
                last_modified: Some(object.modified.into()),
                ..Default::default()
            });
        }
    }
    ListObjectsV2Output {
        is_truncated: Some(is_truncated),
        next_continuation_token: last.filter(|_| is_truncated),
        contents: Some(objects),
        common_prefixes: Some(prefixes),
        ..Default::default()
    }
}

/// Two in a page.
pub(super) fn parts(upload: &BTreeMap<i32, Object>, input: &ListPartsInput) -> ListPartsOutput {
    let behind = input.part_number_marker.unwrap_or_default();
    let mut parts: Vec<_> = upload.range(behind + 1..).take(3).collect();
    let is_truncated = parts.len() == 3;
    parts.truncate(2);
    let next = parts.last().filter(|_| is_truncated);
    ListPartsOutput {
        is_truncated: Some(is_truncated),
        next_part_number_marker: next.map(|(number, _)| **number),
        parts: Some(
            parts
                .into_iter()
                .map(|(number, object)| Part {
                    part_number: Some(*number),
                    size: size(object),
                    e_tag: Some(tag(object)),
                    ..Default::default()
                })
                .collect(),
        ),
        ..Default::default()
    }
}

pub(super) async fn collect(body: Option<StreamingBlob>) -> S3Result<Bytes> {
    let mut bytes = Vec::new();
    if let Some(mut body) = body {
        while let Some(piece) = body.try_next().await.map_err(|_| s3_error!(IncompleteBody))? {
            bytes.extend_from_slice(&piece);
        }
    }
    Ok(bytes.into())
}
