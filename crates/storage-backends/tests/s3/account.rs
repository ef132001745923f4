//! An account of a real server, to which objects are uploaded by requests signed here.

use std::fmt::Write as _;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::{Duration, SystemTime};

use aws_credential_types::Credentials;
use aws_sigv4::http_request::{
    PayloadChecksumKind, PercentEncodingMode, SignableBody, SignableRequest, SigningSettings,
    UriPathNormalizationMode, sign,
};
use aws_sigv4::sign::v4;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use crate::s3::trees::OBJECTS;

/// What of a key is not encoded, as signatures want it.
const KEPT: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'_')
    .remove(b'.')
    .remove(b'~')
    .remove(b'/');

/// A key of a server on the loopback.
pub(crate) struct Account<'a> {
    pub(crate) port: u16,
    pub(crate) key: &'a str,
    pub(crate) secret: &'a str,
    pub(crate) region: &'a str,
}

impl Account<'_> {
    /// Makes the buckets `images`, with the objects of the trees and two more, and `empty`.
    pub(crate) fn fill(&self) {
        self.create("images");
        self.create("empty");
        for (key, size) in OBJECTS {
            self.put("images", key, &"x".repeat(usize::try_from(size).unwrap()));
        }
        self.put("images", "marker/", "");
        self.put("images", "/leading/slash.iso", "12345");
    }

    pub(crate) fn create(&self, bucket: &str) {
        self.signed_put(&format!("/{bucket}"), "");
    }

    pub(crate) fn put(&self, bucket: &str, key: &str, body: &str) {
        let key = utf8_percent_encode(key, KEPT);
        self.signed_put(&format!("/{bucket}/{key}"), body);
    }

    fn signed_put(&self, path: &str, body: &str) {
        let credentials = Credentials::new(self.key, self.secret, None, None, "test");
        let identity = credentials.into();
        let mut settings = SigningSettings::default();
        settings.percent_encoding_mode = PercentEncodingMode::Single;
        settings.uri_path_normalization_mode = UriPathNormalizationMode::Disabled;
        settings.payload_checksum_kind = PayloadChecksumKind::XAmzSha256;
        let params = v4::SigningParams::builder()
            .identity(&identity)
            .region(self.region)
            .name("s3")
            .time(SystemTime::now())
            .settings(settings)
            .build()
            .unwrap()
            .into();
        let uri = format!("http://127.0.0.1:{}{path}", self.port);
        let body_ = SignableBody::Bytes(body.as_bytes());
        let signable = SignableRequest::new("PUT", &uri, std::iter::empty(), body_).unwrap();
        let (signed, _) = sign(signable, &params).unwrap().into_parts();
        let mut head = format!(
            "PUT {path} HTTP/1.1\r\nHost: 127.0.0.1:{}\r\nConnection: close\r\nContent-Length: {}\r\n",
            self.port,
            body.len()
        );
        for (name, value) in signed.headers() {
            write!(head, "{name}: {value}\r\n").unwrap();
        }
        let answer = self.exchange(&format!("{head}\r\n{body}"));
        assert!(answer.starts_with("HTTP/1.1 200"), "{path}: {answer}");
    }

    fn exchange(&self, request: &str) -> String {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
        stream.write_all(request.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    }
}
