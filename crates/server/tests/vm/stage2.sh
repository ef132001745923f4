# Runs the caller's command with its output on the virtio ports, reports the exit status on a third one, powers off.
b=/run/vm/busybox
for port in /sys/class/virtio-ports/*; do
  case $($b cat "$port/name" 2>/dev/null) in
    vm.out) out=/dev/${port##*/} ;;
    vm.err) err=/dev/${port##*/} ;;
    vm.status) status=/dev/${port##*/} ;;
  esac
done
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root TERM=dumb LANG=C.UTF-8
cd /
$b setsid /bin/bash /run/vm/cmd </dev/null >"$out" 2>"$err"
echo $? > "$status"
# The ports have no flush; the last bytes get a moment to reach the device before the power goes.
$b sleep 0.1
$b poweroff -f
