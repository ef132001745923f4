//! What helpers are for.

/// Says what a helper is for. Probes (with mounts), scans and files have one helper at a time each, uploads a few.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Purpose {
    Probe,
    Scan,
    Files,
    Upload,
    Unmount,
}

impl Purpose {
    /// The purposes whose helpers keep a mount in use.
    pub(crate) const USING_MOUNT: [Self; 4] = [Self::Probe, Self::Scan, Self::Files, Self::Upload];
}
