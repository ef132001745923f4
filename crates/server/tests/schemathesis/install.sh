#!/usr/bin/env bash
# Installs Schemathesis, once, into a virtual environment of Python below .cache. Prints where it is.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../../../.." && pwd)

wanted=$(sha256sum "$here/requirements.txt" | cut -c 1-12)
venv=$root/.cache/schemathesis-$wanted

if [[ ! -f $venv/ready ]]; then
    rm -rf "$root"/.cache/schemathesis-*
    mkdir -p "$root/.cache"
    python3 -m venv "$venv" >&2
    "$venv/bin/pip" install --quiet --disable-pip-version-check --no-deps --requirement "$here/requirements.txt" >&2
    touch "$venv/ready"
fi
printf '%s\n' "$venv"
