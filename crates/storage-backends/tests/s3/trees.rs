//! Keys that are hard to write in URLs and XML, and what there is in them.

/// Keys with their sizes.
pub(crate) const OBJECTS: [(&str, u64); 16] = [
    ("plain.iso", 2048),
    ("a b.iso", 1),
    ("größe.img", 12_345),
    ("100%.iso", 999),
    ("%41.txt", 9),
    ("plus+name.iso", 3),
    ("amp&lt;.iso", 0),
    ("hash#1.qcow2", 1000),
    ("what?.raw", 1024),
    ("quo'te\"d.img", 12),
    ("colon:name*(1).iso", 77),
    ("日本語.squashfs", 5000),
    ("sub dir/x.iso", 11),
    ("sub dir/deeper/y.wim", 13),
    ("sub+2/z.txt", 17),
    ("ünï/k.vhdx", 19),
];

pub(crate) fn bytes() -> u64 {
    OBJECTS.iter().map(|(_, size)| size).sum()
}

/// How many of them are images.
pub(crate) const TEMPLATES: u64 = 14;
/// Their directories, the root included.
pub(crate) const DIRECTORIES: u64 = 5;
