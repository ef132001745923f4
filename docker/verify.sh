#!/usr/bin/env bash
# Proves that the Dockerfile builds, and what the image's program may do, on a machine without a Docker engine and
# without an image registry: the base images are made here, by debootstrap, under the names that the Dockerfile
# uses. Takes about ten minutes and 6 GB below WORK (default: a temporary directory), all of it deleted afterwards.
#
# Needs root, Debian, the packages buildah and debootstrap, and a Rust toolchain to copy.
set -euo pipefail
cd "$(dirname "$0")/.."

work=$(mktemp -d "${WORK:-/var/tmp}/pureboot-image.XXXXXX")
mounts=()
service=
port=18080
cleanup() {
    if [[ -n $service ]]; then
        kill "$service" 2>/dev/null || true
    fi
    for at in "${mounts[@]}"; do
        umount --lazy "$at" || true
    done
    rm -rf "$work"
}
trap cleanup EXIT

# Everything that buildah keeps, in the directory that goes away.
printf '[storage]\ndriver = "vfs"\ngraphroot = "%s/storage"\nrunroot = "%s/run"\n' "$work" "$work" >"$work/storage.conf"
export CONTAINERS_STORAGE_CONF=$work/storage.conf STORAGE_DRIVER=vfs BUILDAH_ISOLATION=chroot TMPDIR=$work

step() {
    printf '\n== %s\n' "$*"
}

mirror() {
    sed -n 's/^URIs: *//p; s/^deb \(\[[^]]*\] \)\?\(http[^ ]*\).*/\2/p' \
        /etc/apt/sources.list /etc/apt/sources.list.d/debian.sources 2>/dev/null | head -n 1
}

debian_base() {
    debootstrap --variant=minbase bookworm "$work/debian" "$(mirror)" >"$work/debootstrap.log"
    rm -rf "$work"/debian/var/cache/apt/archives/*.deb "$work"/debian/var/lib/apt/lists/* \
        "$work"/debian/usr/share/{doc,man,info,locale}
    local container
    container=$(buildah from scratch)
    buildah add --quiet "$container" "$work/debian" / >/dev/null
    buildah commit --quiet --rm "$container" docker.io/library/debian:bookworm-slim >/dev/null
    rm -rf "$work/debian"
}

# The toolchain of this machine, and its certificates: where the package registry is reached through a proxy, its
# certificate is among them.
rust_base() {
    local container sysroot
    container=$(buildah from docker.io/library/debian:bookworm-slim)
    buildah run "$container" -- sh -c \
        'apt-get -qq update && apt-get -qq install --yes --no-install-recommends gcc libc6-dev ca-certificates' \
        >"$work/rust-base.log" 2>&1
    at=$(buildah mount "$container")
    sysroot=$(rustc --print sysroot)
    mkdir -p "$at/usr/local/rust" "$at/usr/local/cargo"
    cp -a "$sysroot/bin" "$sysroot/lib" "$at/usr/local/rust/"
    cp -L /etc/ssl/certs/ca-certificates.crt "$at/usr/local/rust/certificates.crt"
    buildah umount "$container" >/dev/null
    buildah config --env PATH=/usr/local/rust/bin:/usr/sbin:/usr/bin:/sbin:/bin --env CARGO_HOME=/usr/local/cargo \
        --env CARGO_HTTP_CAINFO=/usr/local/rust/certificates.crt "$container"
    buildah commit --quiet --rm "$container" docker.io/library/rust:1.95-bookworm >/dev/null
}

# Sets `at`, the image's tree, `as_user`, the command that runs others in it as its user without capabilities, and
# `health`, its HEALTHCHECK on a port of this script.
enter() {
    local image=$1 container
    container=$(buildah from "$image")
    at=$(buildah mount "$container")
    step "$image: $(du -sm "$at" | cut -f1) MB, $(getcap "$at/usr/local/bin/pureboot-storage" | grep -o 'cap_.*' ||
        echo 'no capability')"
    mount -t proc proc "$at/proc"
    mounts+=("$at/proc")
    as_user=(chroot "$at" setpriv --reuid 10001 --regid 10001 --clear-groups --inh-caps=-all)
    health=$(buildah inspect --type image --format '{{index .Docker.Config.Healthcheck.Test 3}}' "$image")
    health=${health/8080/$port}
    "${as_user[@]}" --bounding-set=-all showmount --version
}

# Starts the service with the bounding set that a container would have (as setpriv says it), and asks for its health.
serves() {
    local bounding=$1 tries healthy=1
    # A simple command, so that $! is the service itself.
    "${as_user[@]}" --bounding-set="$bounding" env -i PATH=/usr/local/bin:/usr/sbin:/usr/bin \
        PUREBOOT_STORAGE_LISTEN="127.0.0.1:$port" PUREBOOT_STORAGE_STATE_DIR=/var/lib/pureboot-storage \
        PUREBOOT_STORAGE_MOUNT_DIR=/var/lib/pureboot-storage-mounts \
        /usr/local/bin/pureboot-storage serve >"$work/serve.log" 2>&1 &
    service=$!
    for tries in {1..100}; do
        if ! kill -0 "$service" 2>/dev/null; then
            break
        elif "${as_user[@]}" --bounding-set=-all bash -c "$health" 2>/dev/null; then
            healthy=0
            grep CapEff "/proc/$service/status"
            break
        fi
        sleep 0.1
    done
    kill "$service" 2>/dev/null || true
    wait "$service" || true
    service=
    tail -n 3 "$work/serve.log"
    return "$healthy"
}

step "base images"
debian_base
rust_base
step "build"
docker/build pureboot-storage:latest
docker/build pureboot-storage:no-mount no-mount

enter pureboot-storage:no-mount
serves -all
enter pureboot-storage:latest
serves -all,+sys_admin
step "without the capability, the kernel refuses to start the image that mounts"
if serves -all; then
    exit 1
fi
printf '\nthe image builds and serves\n'
