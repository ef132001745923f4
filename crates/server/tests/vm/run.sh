#!/bin/bash
# run.sh [GROUP[,GROUP...]...]: the suite on the kernel's servers, each argument's groups in a virtual machine of their own. The last
# line is "N passed, N failed"; the status is 1 if anything failed, or if a machine ended without a verdict on each group.
#   PUREBOOT_STORAGE_BIN   the binary to test
#   PUREBOOT_CONFORMANCE_BIN  the example "conformance" of storage-backends
#   PUREBOOT_VM_JOBS       machines at once (default 3)
#   PUREBOOT_VM_SECONDS    what one machine may take (default 1800)
#   PUREBOOT_VM_CASES      only these cases
#   PUREBOOT_VM_SOAK       1: the cases that take long too
set -uo pipefail
here=$(cd "$(dirname "$0")" && pwd)
cache=$(cd "$here/../../../.." && pwd)/.cache/vm
# Machines that take about as long as each other. The server of v4only serves nothing else any more: it is a machine's last.
[ $# -gt 0 ] || set -- faults,faults_other,basics,iscsi lifecycle,boot,halfdead,cut,v4only \
  files,files_write,files_limits,files_fault,files_killed,stuck
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

machine() {
  local groups=$1 log=$work/$1.log megabytes=768 cpus=(-c 2) status group
  # Files that are larger than the memory of the service.
  case ,$groups, in *,files_limits,*) megabytes=2560 ;; *,bench,*) megabytes=2560 cpus=(-c 1 -i) ;; esac
  # shellcheck disable=SC2086 # one case a word
  "${as_root[@]}" "$here/vmrun" -k "$kroot" -t "${PUREBOOT_VM_SECONDS:-1800}" -m "$megabytes" "${cpus[@]}" \
    env PYTHONPATH="$here" PYTHONDONTWRITEBYTECODE=1 PUREBOOT_STORAGE_BIN="$work/pureboot-storage" \
    PUREBOOT_CONFORMANCE_BIN="$work/conformance" PUREBOOT_VM_SOAK="${PUREBOOT_VM_SOAK:-}" \
    /usr/bin/python3 -m suite "$groups" ${PUREBOOT_VM_CASES:-} 2>&1 | tee "$log"
  status=${PIPESTATUS[0]}
  # The verdict has to be the guest's and the log's alike.
  for group in ${groups//,/ }; do
    if [ "$status" -gt 1 ] || ! grep -q "^$group: [0-9]* passed" "$log"; then
      echo "FAIL $group gave no verdict (status $status)" | tee -a "$log"
    fi
  done
}

for groups in "$@"; do
  while [ "$(jobs -rp | wc -l)" -ge "${PUREBOOT_VM_JOBS:-3}" ]; do wait -n; done
  machine "$groups" &
done
wait

passed=$(cat "$work"/*.log | grep -c '^ok ')
failed=$(cat "$work"/*.log | grep -c '^FAIL ')
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
