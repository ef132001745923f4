#!/bin/busybox sh
# PID 1 of the initial RAM file system: puts a writable overlay (in memory) over the machine's own root, which comes in
# read-only through virtiofs, and switches into it. The machine that runs the tests is never written to.
b=/bin/busybox
$b mount -t proc proc /proc
$b mount -t sysfs sys /sys
$b mount -t devtmpfs dev /dev
for m in $($b cat /modules/order); do $b insmod "/modules/$m" 2>/dev/null; done
for a in $($b cat /proc/cmdline); do
  case $a in
    vm_modules=*) modules=${a#vm_modules=} ;;
    vm_share=*) share=${a#vm_share=} ;;
  esac
done

$b mount -t virtiofs -o ro hostroot /host || { echo "init: no shared root" > /dev/kmsg; $b poweroff -f; }
$b mount -t tmpfs -o mode=755 tmpfs /new
$b mkdir -p /new/upper /new/work /new/root
$b mount -t overlay -o lowerdir=/host,upperdir=/new/upper,workdir=/new/work overlay /new/root
n=/new/root

# The machine's sockets, pid files and devices must not be seen inside.
$b mkdir -p $n/proc $n/sys $n/dev
$b mount -t tmpfs -o mode=1777 tmpfs $n/tmp
$b mount -t tmpfs -o mode=755 tmpfs $n/run
$b mount -t proc proc $n/proc
$b mount -t sysfs sys $n/sys
$b mount -t devtmpfs dev $n/dev
$b mkdir -p $n/dev/pts $n/dev/shm
$b mount -t devpts devpts $n/dev/pts
$b mount -t tmpfs -o mode=1777 shm $n/dev/shm
$b ln -sf /proc/self/fd $n/dev/fd
# A clone that lies below /tmp or /run has just been hidden: bring it back.
$b mkdir -p "$n$share"
$b mount -o bind "/host$share" "$n$share"
$b mkdir -p $n/lib/modules
$b mount -t tmpfs tmpfs $n/lib/modules
$b ln -s "$modules" "$n/lib/modules/$($b uname -r)"

$b ip link set lo up
$b mkdir -p $n/run/vm
$b cp /bin/busybox /stage2 /cmd $n/run/vm/
# Not chroot: setns(2) into a mount namespace lands at its root mount, which has to be the overlay.
exec $b switch_root $n /run/vm/busybox sh /run/vm/stage2
