#!/bin/bash
# run.sh [GROUP...]: the suite on the kernel's servers, each group in a virtual machine of its own. The last line is "N passed, N failed";
# the status is 1 where anything failed, and where a machine ended without a verdict.
#   PUREBOOT_STORAGE_BIN   the binary to test
#   PUREBOOT_CONFORMANCE_BIN  the example "conformance" of storage-backends
#   PUREBOOT_VM_JOBS       machines at once (default 2)
#   PUREBOOT_VM_SECONDS    what one machine may take (default 900)
#   PUREBOOT_VM_CASES      only these cases
set -uo pipefail
here=$(cd "$(dirname "$0")" && pwd)
cache=$(cd "$here/../../../.." && pwd)/.cache/vm
# The longest first, so that the lanes end together.
[ $# -gt 0 ] || set -- cut faults_revoked faults_cut faults_slow faults_killed faults_names faults_rpcbind halfdead stuck lifecycle faults_disk basics iscsi faults_other v4only
: "${PUREBOOT_STORAGE_BIN:?names the pureboot-storage binary to test}"
: "${PUREBOOT_CONFORMANCE_BIN:?names the built example conformance of storage-backends}"
kroot=$("$here/kernel.sh") || exit 1
as_root=()
[ "$EUID" -eq 0 ] || as_root=(sudo --)

# A copy: the guest sees only what lies below the repository for certain, and a rebuild must not change a running test.
work=$(mktemp -d "$cache/run.XXXXXX")
trap 'rm -rf "$work"' EXIT
cp "$PUREBOOT_STORAGE_BIN" "$work/pureboot-storage" || exit 1
cp "$PUREBOOT_CONFORMANCE_BIN" "$work/conformance" || exit 1

one() {
  local group=$1 status
  # shellcheck disable=SC2086 # one case a word
  "${as_root[@]}" "$here/vmrun" -k "$kroot" -t "${PUREBOOT_VM_SECONDS:-900}" -m 768 -c 2 \
    env PYTHONPATH="$here" PYTHONDONTWRITEBYTECODE=1 PUREBOOT_STORAGE_BIN="$work/pureboot-storage" \
    PUREBOOT_CONFORMANCE_BIN="$work/conformance" \
    /usr/bin/python3 -m suite "$group" ${PUREBOOT_VM_CASES:-} 2>&1 | tee "$work/$group.log"
  status=${PIPESTATUS[0]}
  # The verdict has to be the guest's and the log's alike.
  if [ "$status" -gt 1 ] || ! grep -q "^$group: [0-9]* passed" "$work/$group.log"; then
    echo "FAIL $group gave no verdict (status $status)" | tee -a "$work/$group.log"
  fi
}

for group in "$@"; do
  while [ "$(jobs -rp | wc -l)" -ge "${PUREBOOT_VM_JOBS:-2}" ]; do wait -n; done
  one "$group" &
done
wait

passed=$(cat "$work"/*.log | grep -c '^ok ')
failed=$(cat "$work"/*.log | grep -c '^FAIL ')
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
