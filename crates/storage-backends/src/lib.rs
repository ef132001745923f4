//! Network-boot storage that can be probed, mounted and measured: NFS exports, HTTP directories, S3 buckets and
//! iSCSI targets.
//!
//! A service embeds this crate in three steps: call [`helper::run_if_requested`] first in its `main` (or name a
//! helper binary), build a [`Registry`] with its [`Settings`], and ask it for the [`Backend`]
//! of a config.
//!
//! Each kind is a feature (`nfs`, `http`, `s3`, `iscsi`; all by default). A registry refuses a config whose kind is not
//! compiled in.
#![cfg_attr(
    not(all(feature = "nfs", feature = "http", feature = "s3", feature = "iscsi")),
    allow(
        dead_code,
        unreachable_pub,
        unused_imports,
        unused_variables,
        reason = "some items serve only some kinds"
    )
)]

pub mod backend;
pub mod context;
pub mod error;
mod file_bytes;
pub mod files;
pub mod helper;
pub mod holders;
#[cfg(feature = "http")]
pub mod http;
#[cfg(feature = "iscsi")]
pub mod iscsi;
mod kinds;
pub mod mount;
pub mod net;
pub mod nfs;
mod probe;
pub mod registry;
#[cfg(feature = "s3")]
pub mod s3;
pub mod scan;
mod settings;
#[cfg(feature = "testkit")]
pub mod testkit;
pub mod tree;
#[cfg(feature = "web")]
pub mod web;

pub use backend::{Backend, Luns, Mount, MountState, Tree, TreeMut, UnmountMode, Upload};
pub use context::OpContext;
pub use error::{Error, ErrorKind};
pub use file_bytes::{Begun, FileBytes};
pub use files::{
    ByteStream, Condition, Deletion, FileEntry, FileKind, FilePage, PageRequest, Position, Progress,
    ReadRequest, TreeCapabilities,
};
pub use helper::FilePipe;
pub use holders::{Holder, Holders};
pub use net::{Egress, Network};
pub use registry::{Registry, SettingsError};
pub use scan::{ScanProgress, ScanReport};
pub use settings::Settings;
