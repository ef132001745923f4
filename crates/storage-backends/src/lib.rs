//! Network-boot storage that can be probed, mounted and measured: NFS exports, HTTP directories, S3 buckets and
//! iSCSI targets.
//!
//! A service embeds this crate in three steps: call [`helper::run_if_requested`] first in its `main` (or name a
//! helper binary), build a [`Registry`] with its [`Settings`], and ask it for the [`Backend`]
//! of a config.

pub mod backend;
pub mod context;
pub mod error;
pub mod helper;
pub mod holders;
pub mod http;
pub mod iscsi;
pub mod mount;
pub mod net;
pub mod nfs;
mod probe;
pub mod registry;
pub mod s3;
pub mod scan;
mod settings;
#[cfg(feature = "testkit")]
pub mod testkit;
pub mod tree;
mod web;

pub use backend::{Backend, Files, Luns, Mount, MountState, UnmountMode};
pub use context::OpContext;
pub use error::{Error, ErrorKind};
pub use holders::{Holder, Holders};
pub use net::{Egress, Network};
pub use registry::{Registry, SettingsError};
pub use scan::{ScanProgress, ScanReport};
pub use settings::Settings;
