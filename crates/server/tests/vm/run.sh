#!/bin/bash
# run.sh [GROUP...]: the NFS suite, each group in a virtual machine of its own. PUREBOOT_STORAGE_BIN names the binary.
# PUREBOOT_VM_JOBS machines run at once (default 2). The last line is "N passed, N failed"; the status is 1 where
# anything failed, and where a machine ended without a verdict.
set -uo pipefail
here=$(cd "$(dirname "$0")" && pwd)
cache=$(cd "$here/../../../.." && pwd)/.cache/vm
groups=("$@")
# The longest first, so that the two lanes end together.
[ $# -gt 0 ] || groups=(cut halfdead basics lifecycle v4only)
: "${PUREBOOT_STORAGE_BIN:?names the pureboot-storage binary to test}"
kroot=$("$here/kernel.sh") || exit 1

# A copy: the guest sees only what lies below the repository for certain, and a rebuild must not change a running test.
work=$(mktemp -d "$cache/run.XXXXXX")
trap 'rm -rf "$work"' EXIT
cp "$PUREBOOT_STORAGE_BIN" "$work/pureboot-storage" || exit 1

one() {
  local group=$1 status
  "$here/vmrun" -k "$kroot" -t "${PUREBOOT_VM_SECONDS:-540}" -m 768 \
    env PYTHONPATH="$here" PYTHONDONTWRITEBYTECODE=1 PUREBOOT_STORAGE_BIN="$work/pureboot-storage" \
    /usr/bin/python3 -m suite "$group" > >(tee "$work/$group.log") 2>&1
  status=$?
  echo "$status" > "$work/$group.status"
}

jobs_at_once=${PUREBOOT_VM_JOBS:-2}
for group in "${groups[@]}"; do
  while [ "$(jobs -rp | wc -l)" -ge "$jobs_at_once" ]; do wait -n; done
  one "$group" &
done
wait

passed=$(cat "$work"/*.log | grep -c '^ok ')
failed=$(cat "$work"/*.log | grep -c '^FAIL ')
for group in "${groups[@]}"; do
  # A machine that died counts as one failure more: its other cases were never run.
  if ! grep -q "^$group: [0-9]* passed" "$work/$group.log" 2>/dev/null; then
    echo "FAIL $group gave no verdict (status $(cat "$work/$group.status" 2>/dev/null))"
    failed=$((failed + 1))
  fi
done
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
