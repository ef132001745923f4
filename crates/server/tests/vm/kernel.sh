#!/bin/bash
# Prints the folder of an unpacked Debian kernel (boot/, lib/modules/), fetching it first where it is not cached.
# Nothing is installed: the .deb is only unpacked, so no root and no trigger (grub, initramfs) is involved.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
cache=$(cd "$here/../../../.." && pwd)/.cache/vm
mkdir -p "$cache"

# Two suites may start at once on a fresh clone.
exec 9>"$cache/lock"
flock 9

cached() { find "$cache/" -mindepth 1 -maxdepth 1 -type d -name 'linux-image-*' | sort -V | tail -n 1; }

if [ -z "$(cached)" ]; then
  # The cloud flavour: small, LZ4 (quick to unpack without KVM), and it has nfsd, NFS 3 to 4.2, veth, netem and virtiofs.
  package=$(apt-cache depends linux-image-cloud-amd64 2>/dev/null | awk '/Depends: linux-image-/ {print $2; exit}')
  if [ -z "$package" ]; then
    echo "kernel.sh: apt knows no linux-image-cloud-amd64; run apt-get update" >&2
    exit 1
  fi
  work=$(mktemp -d "$cache/unpack.XXXXXX")
  trap 'rm -rf "$work"' EXIT
  (cd "$work" && apt-get download -q "$package" >&2)
  dpkg -x "$work"/*.deb "$work/root"
  depmod -b "$work/root" "$(ls "$work/root/lib/modules")"
  mv "$work/root" "$cache/$package"
fi
cached
