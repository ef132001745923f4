#!/usr/bin/env bash
# Installs OpenStack Swift for the tests of the S3 backend, once: into a virtual environment of Python below the user's
# cache directory. Prints where it is.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)

wanted=$(sha256sum "$here/requirements.txt" | cut -c 1-12)
venv=${XDG_CACHE_HOME:-$HOME/.cache}/pureboot-storage-tests/swift-$wanted

if [[ ! -f $venv/ready ]]; then
    rm -rf "$venv"
    mkdir -p "$(dirname "$venv")"
    python3 -m venv "$venv" >&2
    "$venv/bin/pip" install --quiet --disable-pip-version-check --requirement "$here/requirements.txt" >&2
    touch "$venv/ready"
fi
printf '%s\n' "$venv"
