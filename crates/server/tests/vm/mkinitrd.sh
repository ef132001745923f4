#!/bin/bash
# mkinitrd.sh KROOT OUT MODULE...
# Builds the initial RAM file system: busybox, the modules that reach the shared root (with what they depend on, in
# load order), init.sh and stage2.sh. KROOT holds lib/modules/VERSION of the kernel that will be booted.
set -euo pipefail
kroot=$1 out=$2
shift 2
here=$(cd "$(dirname "$0")" && pwd)
version=$(ls "$kroot/lib/modules")
tree=$(mktemp -d)
trap 'rm -rf "$tree"' EXIT

mkdir -p "$tree"/{bin,dev,proc,sys,host,new,modules}
cp "$(command -v busybox)" "$tree/bin/busybox"
modprobe -d "$kroot" -S "$version" --show-depends -a "$@" | awk '$1 == "insmod" && !seen[$2]++ {print $2}' |
  while read -r file; do
    cp "$file" "$tree/modules/"
    basename "$file" >> "$tree/modules/order"
  done
install -m 755 "$here/init.sh" "$tree/init"
install -m 644 "$here/stage2.sh" "$tree/stage2"
(cd "$tree" && find . | busybox cpio -o -H newc 2>/dev/null) > "$out"
