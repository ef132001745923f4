//! What a probe of an HTTP directory found, and what counting its files says.

use std::fmt;
use std::time::Duration;

use hyper::StatusCode;

use crate::http::lister::Style;

mod status;

pub(crate) use status::Status;

/// What a check found. Its `Display` is the sentence.
#[derive(Debug, Hash)]
pub(crate) enum Finding {
    /// A config lacks what its method of authentication needs.
    NothingSent(&'static str),
    NotAnswered,
    NoCredentials,
    /// The server did not refuse these credentials.
    Accepted(&'static str),
    /// Another server answered, which got no credentials.
    SentToFirst {
        what: &'static str,
        there: String,
    },
    ByProxy,
    NeedsToken,
    NeedsPassword,
    /// The server asks for another scheme.
    NotSupported(String),
    Elsewhere {
        there: String,
        sent_to: String,
    },
    /// The server refuses these credentials.
    Refused(&'static str),
    Status(Status),
    /// The first request is refused, and one in this style lists the directory.
    Otherwise(Status, Style),
    /// A name that can't exist is answered in the same way.
    AnyName(Status),
    /// Any name is answered, and this file by something else, or no file was found to try.
    Unproven(Option<(String, Trouble)>),
    /// A redirect leads to another page.
    LeadsAway(String),
    NamesAFile,
    Bucket(Status),
    /// Only a quick check was asked for.
    Quick,
    /// No file was found to try, because of this.
    NoSample(Option<String>),
    /// The check `boot` took longer.
    Slow(Duration),
    /// The directory can be read.
    Readable(String, Reservation),
    Boot {
        name: String,
        troubles: Vec<Trouble>,
    },
}

/// What the message about a directory that can be read says as well.
#[derive(Debug, Hash, Default)]
pub(crate) enum Reservation {
    #[default]
    None,
    /// Why its files are not counted.
    NotCounted(String),
    /// What boot clients will meet. A quick check does not ask for it, and so it is no other finding.
    Boot(String),
}

/// What a boot client may have trouble with.
#[derive(Debug, Hash)]
pub(crate) enum Trouble {
    /// The sentence of the error.
    HeadUnanswered(String),
    /// The sentence of the error.
    Unreadable(String),
    /// The sentence of the error.
    NothingFollows(String),
    HeadRefused(StatusCode),
    NoLength,
    /// HEAD and GET give other lengths.
    OtherLength {
        head: u64,
        size: u64,
    },
    /// The listing has another size.
    OtherSize {
        listed: u64,
        size: u64,
    },
    /// A web page is sent in place of the file.
    Page,
    Compressed,
    Redirected(String),
    NoRanges,
    Refused(StatusCode),
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NothingSent(why) => write!(f, "Nothing was sent, because {why}"),
            Self::NotAnswered => f.write_str("Not checked, because the request was not answered"),
            Self::NoCredentials => f.write_str("No credentials are set, and the server asks for none"),
            Self::Accepted(what) => write!(f, "The server did not refuse {what}"),
            Self::SentToFirst { what, there } => {
                write!(f, "The server redirects to {there}; {what} went to the first server only")
            }
            Self::ByProxy => f.write_str(
                "A proxy on the way asks for credentials (407), which is not supported: allow this host to pass without them",
            ),
            Self::NeedsToken => f.write_str(
                "The server asks for a token (401): set auth_method to bearer and put the token into password",
            ),
            Self::NeedsPassword => f.write_str(
                "The server asks for a user name and a password (401): set auth_method to basic, username and password",
            ),
            Self::NotSupported(scheme) => write!(
                f,
                "The server asks for {scheme} authentication (401), which is not supported: make it take basic or bearer for this directory"
            ),
            Self::Elsewhere { there, sent_to } => write!(
                f,
                "The server redirects to {there}, which asks for credentials (401); they are sent to {sent_to} only: set base_url to where the files are"
            ),
            Self::Refused(what) => {
                write!(f, "The server refuses {what} (401): check username, password and auth_method")
            }
            Self::Status(status) => status.fmt(f),
            Self::Otherwise(status, style) => {
                let (refused, listed) = match style {
                    Style::WebDav => ("GET", "by WebDAV"),
                    Style::Get | Style::Page => ("a request that prefers JSON", "as a page"),
                };
                let code = status.code;
                write!(f, "The server answers {code} to {refused}, and lists the directory {listed}")
            }
            Self::AnyName(status) => write!(
                f,
                "{status}, and so it does to any name, even one that can't exist, without a directory listing, as logins and web applications do: set base_url to where the files are, set credentials, or switch the listing on"
            ),
            Self::Unproven(sample) => {
                f.write_str("The server answers any name, even one that can't exist, and ")?;
                match sample {
                    Some((name, trouble)) => write!(f, "{name} is not there: {trouble}")?,
                    None => f.write_str("no file was found to try")?,
                }
                f.write_str(". Set base_url to where the files are, and credentials if they are needed")
            }
            Self::LeadsAway(to) => write!(
                f,
                "The server redirects to {to}, another page than base_url, such as a login: set base_url to where the files are, and credentials if they are needed"
            ),
            Self::NamesAFile => {
                f.write_str("base_url names a file: set it to the directory that the file is in")
            }
            Self::Bucket(status) => write!(
                f,
                "The server answers {} in the form of S3: if this is a bucket, register it with type s3",
                status.code
            ),
            Self::Quick => f.write_str("Not checked, because only a quick check was asked for"),
            Self::NoSample(None) => f.write_str("Not checked, because no file was found to try"),
            Self::NoSample(Some(why)) => write!(f, "Not checked, because no file was found to try. {why}"),
            Self::Slow(limit) => write!(
                f,
                "Boot clients were not tried, because the server took longer than {} s to list a directory and give out a file",
                limit.as_secs()
            ),
            Self::Readable(url, reservation) => {
                write!(f, "{url} can be read")?;
                match reservation {
                    Reservation::NotCounted(why) => write!(f, ". {why}"),
                    Reservation::Boot(advice) if !f.alternate() => write!(f, ". {advice}"),
                    Reservation::None | Reservation::Boot(_) => Ok(()),
                }
            }
            Self::Boot { name, troubles } => match troubles.as_slice() {
                [] => write!(
                    f,
                    "Boot clients can use it: {name} has a length, and HEAD and byte ranges work"
                ),
                [first, others @ ..] => {
                    write!(f, "Boot clients may have trouble with {name}: {first}")?;
                    others.iter().try_for_each(|trouble| write!(f, "; {trouble}"))
                }
            },
        }
    }
}

/// A number of bytes, to be compared with another one.
struct Bytes(u64);

impl fmt::Display for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} byte{}", self.0, if self.0 == 1 { "" } else { "s" })
    }
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::HeadUnanswered(error) => write!(f, "HEAD is not answered. {error}"),
            Self::Unreadable(error) => write!(f, "the file can't be read. {error}"),
            Self::NothingFollows(error) => {
                write!(f, "the server announces the file and sends none of it. {error}")
            }
            Self::HeadRefused(status) => write!(
                f,
                "HEAD is answered with {status}, and firmware asks for a file's size that way: allow HEAD"
            ),
            Self::OtherLength { head, size } => write!(
                f,
                "HEAD gives {} and GET {size}, and firmware asks for a file's size by HEAD",
                Bytes(*head)
            ),
            Self::OtherSize { listed, size } => {
                write!(f, "the listing gives {}, and the server sends {size}", Bytes(*listed))
            }
            Self::Page => f.write_str("the server sends a web page in its place, such as a login"),
            Self::NoLength => {
                f.write_str(
                    "it has no Content-Length, without which firmware can't load a file: switch compression off for it",
                )
            }
            Self::Compressed => {
                f.write_str(
                    "it is compressed on the way (Content-Encoding), which firmware can't undo: switch that off for it",
                )
            }
            Self::Redirected(to) => write!(f, "it redirects to {to}, and not all firmware follows redirects"),
            Self::NoRanges => f.write_str(
                "byte ranges are not served (Accept-Ranges), which installers and virtual media need",
            ),
            Self::Refused(status) => write!(f, "the file can't be read, because the server answers {status}"),
        }
    }
}
