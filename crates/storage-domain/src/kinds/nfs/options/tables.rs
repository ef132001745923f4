//! The mount options of nfs(5) and mount(8), and how each is handled.

use crate::invalid::{Rule, excerpt};

/// Options that only mount(8) and mount.nfs(8) understand; they are dropped.
pub(super) const TOOL_OPTIONS: [&str; 25] = [
    "defaults",
    "auto",
    "noauto",
    "user",
    "nouser",
    "users",
    "nousers",
    "owner",
    "noowner",
    "group",
    "nogroup",
    "nofail",
    "_netdev",
    "bg",
    "fg",
    "retry",
    "comment",
    "uhelper",
    "helper",
    "intr",
    "nointr",
    "loud",
    "silent",
    "iversion",
    "noiversion",
];

/// Options that would weaken this host, redirect the mount, or take it from the service's control.
pub(super) const REFUSED: [(&str, &str); 27] = [
    ("suid", WEAKENS),
    ("dev", WEAKENS),
    ("exec", WEAKENS),
    ("mand", WEAKENS),
    ("context", WEAKENS),
    ("fscontext", WEAKENS),
    ("defcontext", WEAKENS),
    ("rootcontext", WEAKENS),
    ("addr", REDIRECTS),
    ("mountaddr", REDIRECTS),
    ("mounthost", REDIRECTS),
    ("clientaddr", REDIRECTS),
    ("source", REDIRECTS),
    ("bind", REDIRECTS),
    ("rbind", REDIRECTS),
    ("move", REDIRECTS),
    ("remount", REDIRECTS),
    ("shared", REDIRECTS),
    ("rshared", REDIRECTS),
    ("slave", REDIRECTS),
    ("private", REDIRECTS),
    ("unbindable", REDIRECTS),
    ("rslave", REDIRECTS),
    ("rprivate", REDIRECTS),
    ("runbindable", REDIRECTS),
    ("udp", UDP),
    ("sloppy", "would hide mistakes in the others"),
];
const WEAKENS: &str = "would weaken this host";
const REDIRECTS: &str = "would redirect the mount; server and export_path say what is mounted";
pub(super) const UDP: &str = "asks for UDP, which Linux no longer speaks for NFS; leave it out";

/// Generic options, which are flags of mount(2) and not NFS's.
pub(super) const GENERIC: [&str; 19] = [
    "ro",
    "rw",
    "nosuid",
    "nodev",
    "noexec",
    "nomand",
    "atime",
    "noatime",
    "diratime",
    "nodiratime",
    "relatime",
    "norelatime",
    "strictatime",
    "nostrictatime",
    "sync",
    "async",
    "dirsync",
    "symfollow",
    "nosymfollow",
];

/// NFS options without a value, as nfs(5) and the kernel's `fs/nfs/fs_context.c` list them.
const SWITCHES: [&str; 38] = [
    "soft",
    "softerr",
    "hard",
    "softreval",
    "nosoftreval",
    "posix",
    "noposix",
    "cto",
    "nocto",
    "ac",
    "noac",
    "lock",
    "nolock",
    "acl",
    "noacl",
    "rdirplus",
    "nordirplus",
    "sharecache",
    "nosharecache",
    "resvport",
    "noresvport",
    "fsc",
    "nofsc",
    "migration",
    "nomigration",
    "tcp",
    "rdma",
    "trunkdiscovery",
    "notrunkdiscovery",
    "v3",
    "v4",
    "v4.0",
    "v4.1",
    "v4.2",
    "lazytime",
    "nolazytime",
    "alignwrite",
    "noalignwrite",
];

/// NFS options with a number, and the range that they accept. The kernel replaces an `rsize` or `wsize` that is too small.
const NUMBERS: [(&str, u32, u32); 17] = [
    ("rsize", 0, 1 << 30),
    ("wsize", 0, 1 << 30),
    ("bsize", 512, 1 << 30),
    ("timeo", 1, i32::MAX as u32),
    ("retrans", 0, i32::MAX as u32),
    ("acregmin", 0, i32::MAX as u32),
    ("acregmax", 0, i32::MAX as u32),
    ("acdirmin", 0, i32::MAX as u32),
    ("acdirmax", 0, i32::MAX as u32),
    ("actimeo", 0, i32::MAX as u32),
    ("namlen", 1, 255),
    ("port", 0, 65535),
    ("mountport", 0, 65535),
    ("mountvers", 3, 3),
    ("minorversion", 0, 2),
    ("nconnect", 1, 16),
    ("max_connect", 1, 16),
];

/// NFS options with a word, and the words that they accept.
const WORDS: [(&str, &[&str]); 11] = [
    ("vers", &VERSIONS),
    ("nfsvers", &VERSIONS),
    ("proto", &["tcp", "tcp6", "rdma", "rdma6"]),
    ("mountproto", &["tcp", "tcp6"]),
    ("sec", &["none", "sys", "krb5", "krb5i", "krb5p"]),
    ("lookupcache", &["all", "none", "pos", "positive"]),
    ("local_lock", &["all", "none", "flock", "posix"]),
    ("write", &["lazy", "eager", "wait"]),
    ("xprtsec", &["none", "tls", "mtls"]),
    ("rdirplus", &["none", "force"]),
    (
        "fatal_neterrors",
        &["none", "default", "ENETDOWN:ENETUNREACH", "ENETUNREACH:ENETDOWN"],
    ),
];
const VERSIONS: [&str; 5] = ["3", "4", "4.0", "4.1", "4.2"];

/// Checks that the option is known, and that it accepts its value.
pub(super) fn check_value(key: &str, value: Option<&str>) -> Result<(), Rule> {
    let words = WORDS
        .iter()
        .find(|(name, _)| *name == key)
        .map(|(_, words)| *words);
    if GENERIC.contains(&key) || SWITCHES.contains(&key) {
        match value {
            None => return Ok(()),
            Some(_) if words.is_none() => return Err(Rule::new(format!("must not give a value to {key}"))),
            Some(_) => {}
        }
    }
    if let Some((_, min, max)) = NUMBERS.iter().find(|(name, ..)| *name == key) {
        let digits = value.filter(|v| !v.is_empty() && v.bytes().all(|b| b.is_ascii_digit()));
        return match digits
            .and_then(|v| v.parse::<u32>().ok())
            .filter(|n| (min..=max).contains(&n))
        {
            Some(_) => Ok(()),
            None if min == max => Err(Rule::new(format!("must give {key} the number {min}"))),
            None => Err(Rule::new(format!("must give {key} a number from {min} to {max}"))),
        };
    }
    if let Some(words) = words {
        // The order of the flavours is that in which they are tried.
        let is_known = |value: &str| match key {
            "sec" => value.split(':').all(|flavor| words.contains(&flavor)),
            _ => words.contains(&value),
        };
        let several = if key == "sec" {
            ", or several with colons between them"
        } else {
            ""
        };
        return match value.filter(|v| is_known(v)) {
            Some(_) => Ok(()),
            None => Err(Rule::new(format!(
                "must give {key} one of {}{several}",
                words.join(", ")
            ))),
        };
    }
    Err(Rule::new(format!(
        "must not contain {}, which is not an NFS mount option of nfs(5)",
        excerpt(key)
    )))
}

/// Returns the one spelling of a known option that the code uses.
///
/// The family of a transport is that of the server's address, so that it is no part of the option.
pub(super) fn canonical<'a>(key: &'a str, value: Option<&'a str>) -> (&'a str, Option<String>) {
    let (key, value) = match (key, value) {
        ("tcp" | "rdma", None) => ("proto", Some(key)),
        ("v3" | "v4" | "v4.0" | "v4.1" | "v4.2", None) => ("vers", Some(&key[1..])),
        ("nfsvers", version) => ("vers", version),
        ("proto" | "mountproto", Some(netid)) => (key, Some(netid.trim_end_matches('6'))),
        ("lookupcache", Some("positive")) => (key, Some("pos")),
        other => other,
    };
    let number = value.filter(|_| NUMBERS.iter().any(|(name, ..)| *name == key));
    match number.and_then(|digits| digits.parse::<u32>().ok()) {
        // The kernel takes a number that begins with 0 for an octal one.
        Some(number) => (key, Some(number.to_string())),
        None => (key, value.map(str::to_owned)),
    }
}
