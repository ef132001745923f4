//! Settings that backends share.

use std::path::PathBuf;
use std::time::Duration;

use storage_domain::iscsi::InitiatorName;
use storage_domain::{IgnoredDirectories, TemplatePatterns};

use crate::helper::HelperCommand;
use crate::net::Network;

/// What backends need to know of their host.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The private directory in which backends are mounted; `None` switches mounting off.
    pub mount_dir: Option<PathBuf>,
    /// Start of the helper process.
    pub helper: HelperCommand,
    /// Which files are boot or install images.
    pub templates: TemplatePatterns,
    /// Which directories are not counted.
    pub ignored: IgnoredDirectories,
    /// How long a mount may take.
    pub mount_deadline: Duration,
    /// How long a scan may take.
    pub scan_deadline: Duration,
    /// What backends share of the network.
    pub network: Network,
    /// The name that iSCSI targets know this host by.
    pub initiator: InitiatorName,
}

impl Settings {
    /// How long a mount may take where nothing else is said: 25 round trips at 300 ms and the kernel's own limits.
    pub const DEFAULT_MOUNT_DEADLINE: Duration = Duration::from_secs(30);
    /// How long a scan may take where nothing else is said.
    pub const DEFAULT_SCAN_DEADLINE: Duration = Duration::from_hours(1);
    /// Below this a mount deadline would end before the kernel's own time limits.
    pub const MIN_MOUNT_DEADLINE: Duration = Duration::from_secs(20);

    /// Settings with the defaults, mounting in `mount_dir`, with this program as its own helper.
    pub fn new(mount_dir: Option<PathBuf>) -> Self {
        Self {
            mount_dir,
            helper: HelperCommand::this_program(),
            templates: TemplatePatterns::default(),
            ignored: IgnoredDirectories::default(),
            mount_deadline: Self::DEFAULT_MOUNT_DEADLINE,
            scan_deadline: Self::DEFAULT_SCAN_DEADLINE,
            network: Network::default(),
            initiator: InitiatorName::default(),
        }
    }
}
