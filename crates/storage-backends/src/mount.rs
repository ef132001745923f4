//! Manages mounts of any kind: the kernel's table of mounts is the truth, and helper processes make the calls.

#[cfg(test)]
pub(crate) mod namespace;
pub mod table;
pub(crate) mod unmount;
