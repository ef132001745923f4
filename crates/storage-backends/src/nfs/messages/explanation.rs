//! What the export list says about a mount that failed.

use std::fmt;

use storage_domain::NfsConfig;
use storage_domain::nfs::NfsVersion;

use super::export::NEAREST;
use crate::nfs::exports::{NoExportList, V4Path};

/// Explains a failed mount better than its error number does; it is the message of the check `mount`.
pub(in crate::nfs) enum Explanation<'a> {
    /// The server lists the export, and NFSv4 does not have it under that path.
    OtherV4Path {
        config: &'a NfsConfig,
        paths: &'a [V4Path],
    },
    /// Version 3 needs the daemons that did not list the exports.
    NoMountd(&'a NoExportList),
}

impl Explanation<'_> {
    /// Returns the message of the check `exports` that agrees with it, if that of the list does not.
    pub(in crate::nfs) fn of_exports(&self) -> Option<impl fmt::Display> {
        match self {
            Self::OtherV4Path { config, .. } => {
                let path = &config.export_path;
                Some(fmt::from_fn(move |f| {
                    write!(
                        f,
                        "The server's export list has {path}, but NFSv4 has no such path there"
                    )
                }))
            }
            Self::NoMountd(_) => None,
        }
    }
}

impl fmt::Display for Explanation<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::OtherV4Path { config, paths } => other_v4_path(f, config, paths),
            Self::NoMountd(why) => write!(
                f,
                "NFS version 3 can't be mounted without rpcbind and a mount daemon. {why}. NFSv4 needs neither: set \
                 vers=4.1 in mount_options if the server has it"
            ),
        }
    }
}

fn other_v4_path(f: &mut fmt::Formatter<'_>, config: &NfsConfig, paths: &[V4Path]) -> fmt::Result {
    let (server, path) = (&config.server, &config.export_path);
    write!(
        f,
        "{server} exports {path}, but NFSv4 has no such path there: its root is another directory of the server \
         (fsid=0, or Pseudo), or this client may not see it. Set export_path to "
    )?;
    for (i, V4Path { path, root }) in paths.iter().take(NEAREST).enumerate() {
        let or = if i > 0 { ", or to " } else { "" };
        write!(f, "{or}{path} if the root is {root}")?;
    }
    let options = config.mount_options.as_ref();
    if options.is_some_and(|options| !options.versions().contains(&NfsVersion::V3)) {
        f.write_str("; or clear mount_options to use version 3, which has the listed path")?;
    }
    Ok(())
}
