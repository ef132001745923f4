#!/usr/bin/env bash
# Asks a service whatever its own OpenAPI document allows, and much that it does not, and compares each answer with the
# document: Schemathesis with all of its checks. PUREBOOT_STORAGE_BIN names the binary; arguments go to Schemathesis.
#
# The limits of one client are off, for this one asks thousands of times: 429 would be all that it sees.
#
# Everything runs in a network namespace with nothing but a loopback, so that no packet leaves the machine whatever a
# backend's config says; what it names is refused at once or denied.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
# Seconds for the whole run; `make soak` gives it 20 minutes.
: "${SCHEMATHESIS_SECONDS:=40}"
# A run can be repeated: the same seed asks the same things first, and a search for more names another seed, or `random`.
: "${SCHEMATHESIS_SEED:=20261123}"

if [[ ${1:-} != --inside ]]; then
    : "${PUREBOOT_STORAGE_BIN:?names the binary under test}"
    venv=$("$here/../../../../.ci/venv" "$here")
    work=$(mktemp -d "${TMPDIR:-/tmp}/pureboot-schemathesis.XXXXXX")
    trap 'rm -rf "$work"' EXIT
    status=0
    # The service and everything that it starts end with the namespace's first process.
    unshare --user --map-root-user --net --pid --fork --kill-child --mount-proc \
        "$0" --inside "$work" "$venv" "$@" || status=$?
    exit "$status"
fi

work=$2 venv=$3
shift 3
[[ $SCHEMATHESIS_SEED == random ]] || set -- --seed "$SCHEMATHESIS_SEED" "$@"
ip link set lo up
cd "$work"

serve() {
    env -i PATH="$PATH" HOME="$work" "$PUREBOOT_STORAGE_BIN" "$@"
}

serve migrate --create --state-dir "$work/state"
token=$(serve token create --name schemathesis --role admin --state-dir "$work/state" | grep -oE 'pbs_[A-Za-z0-9_-]+')
serve serve --listen 127.0.0.1:8080 --boot-listen 127.0.0.1:8081 --boot-networks loopback --state-dir "$work/state" --no-mount --deny-networks any \
    --allow-networks 127.0.0.1,::1 --rate-limit off --failed-logins 100000 --test-deadline 40s --log-level info --log-format json 2>service.log &
service=$!
for _ in {1..300}; do
    curl --silent --fail --max-time 2 --output /dev/null http://127.0.0.1:8080/healthz && break
    kill -0 "$service" || { cat service.log; exit 1; }
    sleep 0.1
done

# One that has logical units, if its server answered: what Schemathesis registers hardly ever is one.
portal=$(curl --silent --fail --max-time 5 --header "Authorization: Bearer $token" --header 'Content-Type: application/json' \
    --data '{"name":"portal","type":"iscsi","config":{"target":"127.0.0.1"}}' http://127.0.0.1:8080/api/v1/storage/backends)
PORTAL_ID=$("$venv/bin/python3" -c 'import json, sys; print(json.load(sys.stdin)["data"]["id"])' <<<"$portal")
export PORTAL_ID

status=0
SCHEMATHESIS_HOOKS="$here/hooks.py" "$venv/bin/python3" "$venv/bin/schemathesis" --config-file "$here/schemathesis.toml" run http://127.0.0.1:8080/api/v1/openapi.json \
    --header "Authorization: Bearer $token" --max-time "$SCHEMATHESIS_SECONDS" --no-color "$@" || status=$?

# Whatever it was asked, it is still there, and nothing that it did was worth an error.
curl --silent --fail --max-time 5 --output /dev/null http://127.0.0.1:8080/readyz || { echo 'the service is gone'; status=1; }
if grep '"level":"ERROR"' service.log; then
    echo 'the service logged errors'
    status=1
fi
exit "$status"
