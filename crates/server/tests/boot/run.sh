#!/usr/bin/env bash
# run.sh [CLIENT...]: machines in qemu (without KVM) boot from the boot listener of a service whose backend is an nginx. The
# initrd that they fetch checks itself, and says on the serial port by whom it was started; the log of the service has to
# show each file as sent whole to that machine. The last line is "N passed, N failed".
#   ipxe   iPXE (BIOS) runs a script, which loads a kernel and an initrd
#   grub   GRUB (BIOS), fetched by iPXE, loads them
#   ovmf   UEFI HTTP Boot fetches GRUB (EFI) by the URL of a DHCP server, and that loads them. Its tap device needs root;
#          PUREBOOT_SKIP_ROOT_TESTS=1 skips it without
#   PUREBOOT_STORAGE_BIN    the binary to test
#   PUREBOOT_BOOT_SECONDS   what one machine may take (default 300)
#
# Everything runs in namespaces of its own: no packet leaves this machine, and whatever was started ends with their first process.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
export PATH=$PATH:/usr/sbin:/sbin

if [[ ${1:-} != --inside ]]; then
    : "${PUREBOOT_STORAGE_BIN:?names the binary under test}"
    (($#)) || set -- ipxe grub ovmf
    kernel=$(echo "$("$here/../vm/kernel.sh")"/boot/vmlinuz-*)
    work=$(mktemp -d "${TMPDIR:-/tmp}/pureboot-boot.XXXXXX")
    trap 'rm -rf "$work"' EXIT
    status=0
    IS_ROOT=$((EUID == 0)) unshare --user --map-root-user --net --pid --fork --kill-child --mount-proc \
        "$0" --inside "$work" "$kernel" "$@" || status=$?
    exit "$status"
fi

work=$2 kernel=$3
shift 3
files=$work/files/boot
# The machines' names for the service: the first is what qemu's own network calls this machine.
bios=10.0.2.2:8081 efi=10.77.0.1:8081
# What a kernel needs to start quickly where a processor is emulated, and to end the machine whatever comes.
options='console=ttyS0 quiet panic=-1 nokaslr mitigations=off random.trust_cpu=on no_timer_check'

# A few MB, of which the last ones are checked: what was cut off is missed.
initrd() {
    local tree=$work/tree
    mkdir -p "$tree"/{bin,dev,proc}
    cp "$(command -v busybox)" "$tree/bin/busybox"
    cat >"$tree/init" <<'INIT'
#!/bin/busybox sh
/bin/busybox mount -t devtmpfs dev /dev
/bin/busybox mount -t proc proc /proc
exec >/dev/console 2>&1
cd / && /bin/busybox sha256sum -c sum && echo "whole, with $(/bin/busybox cat /proc/cmdline)"
/bin/busybox poweroff -f
INIT
    chmod 755 "$tree/init"
    head -c 8000000 /dev/urandom >"$tree/ballast"
    (
        cd "$tree"
        sha256sum ballast >sum
        printf '%s\n' bin bin/busybox dev proc init sum ballast | busybox cpio -o -H newc 2>/dev/null
    )
}

# grub FORMAT ADDRESS LINE: an image of GRUB that runs the line, loads the kernel and the initrd from the address, and starts them.
grub() {
    local format=$1 at="(http,$2)/b/images" modules=(net http linux halt)
    case $format in
    i386-pc-pxe) modules+=(pxe serial terminal) ;;
    *) modules+=(efinet) ;;
    esac
    # What follows `boot` runs only if that failed.
    printf '%s\n' "$3" "linux $at/linux $options by=$format" "initrd $at/initrd" boot halt >"$work/grub.cfg"
    grub-mkimage --format "$format" --prefix / --config "$work/grub.cfg" --output /dev/stdout "${modules[@]}"
}

serve() {
    cat >"$work/nginx.conf" <<END
daemon off; master_process off; user root; pid $work/nginx.pid; events {}
http { access_log off; server { listen 127.0.0.1:8000; root $work/files; }
    client_body_temp_path $work/b; proxy_temp_path $work/p; fastcgi_temp_path $work/f; uwsgi_temp_path $work/u; scgi_temp_path $work/s; }
END
    nginx -c "$work/nginx.conf" -e "$work/nginx.log" &
    env -i PATH="$PATH" HOME="$work" "$PUREBOOT_STORAGE_BIN" serve --listen 127.0.0.1:8080 --boot-listen 0.0.0.0:8081 \
        --boot-networks loopback,10.77.0.0/24 --no-mount --state-dir "$work/state" --log-format json \
        --log-level info,storage_api::boot=debug 2>"$work/service.log" &
    for _ in {1..300}; do
        answer http://127.0.0.1:8080/healthz && answer http://127.0.0.1:8000/boot/linux && break
        sleep 0.1
    done
    curl --silent --show-error --fail-with-body --max-time 10 http://127.0.0.1:8080/api/v1/storage/backends \
        --json '{"name": "images", "type": "http", "boot_path": "/boot", "config": {"base_url": "http://127.0.0.1:8000"}}' >"$work/backend" ||
        { tail "$work"/{nginx,service}.log "$work/backend"; exit 1; }
}

answer() {
    curl --silent --fail --max-time 2 --output /dev/null "$1"
}

# A network with a DHCP server, which qemu's own can't give: firmware wants to hear that HTTP is meant.
network() {
    [[ -c /dev/net/tun ]] || { echo '/dev/net/tun is not there: load the module tun, or give the container that device'; return 1; }
    ip tuntap add dev tap0 mode tap
    ip addr add 10.77.0.1/24 dev tap0
    ip link set tap0 up
    dnsmasq --conf-file=/dev/null --no-daemon --port=0 --interface=tap0 --bind-interfaces \
        --dhcp-range=10.77.0.10,10.77.0.10 --dhcp-leasefile="$work/leases" --no-ping --dhcp-vendorclass=set:http,HTTPClient \
        --dhcp-option-force=tag:http,60,HTTPClient --dhcp-boot="tag:http,http://$efi/b/images/grub.efi" 2>"$work/dnsmasq.log" &
}

# boot CLIENT ADDRESS BY FILE QEMU-ARGUMENT...: boots a machine that has this address for the service, fetches this file first,
# and names itself so in the end.
boot() {
    local client=$1 address=$2 by=$3 first=$4 serial=$work/$1.serial begun=$SECONDS before file line found=()
    shift 4
    before=$(wc -l <"$work/service.log")
    # TCG by name, and without ERMS: see tests/vm/vmrun.
    timeout --kill-after 5 "${PUREBOOT_BOOT_SECONDS:-300}" qemu-system-x86_64 -nodefaults -no-user-config \
        -machine q35,accel=tcg,graphics=off -cpu max,-erms -m 512 -display none -monitor none -no-reboot \
        -serial "file:$serial" "$@" </dev/null || found+=("qemu ended with $? (124 is the time limit)")
    grep -aq "^whole, with .* by=$by" "$serial" || found+=('no initrd came up whole')
    tail -n "+$((before + 1))" "$work/service.log" | jq --raw-output \
        'select(.message == "boot file") | "\(.client) \(.status) \(.path) \(.bytes)"' >"$work/fetched"
    for file in "$first" linux initrd; do
        line="$address 200 \"/boot/$file\" $(stat --format %s "$files/$file")"
        grep -qxF "$line" "$work/fetched" || found+=("the log has no: $line")
    done
    if ((${#found[@]} == 0)); then
        echo "ok   $client, $((SECONDS - begun)) s"
        sed 's/^/       /' "$work/fetched"
        return
    fi
    printf 'FAIL %s, %d s\n' "$client" "$((SECONDS - begun))"
    printf '       %s\n' "${found[@]}"
    echo '--- the log of the service'
    tail -n "+$((before + 1))" "$work/service.log" | tail -n 15
    echo '--- the DHCP server'
    [[ ! -e $work/dnsmasq.log ]] || cat "$work/dnsmasq.log"
    echo '--- the serial port'
    tr -cd '\11\12\40-\176' <"$serial" | tail -n 60
    return 1
}

# On qemu's own network the service sees a connection of this machine.
by_bios() {
    boot "$1" 127.0.0.1 "$2" "$3" -netdev "user,id=net,bootfile=http://$bios/b/images/$3" \
        -device e1000,netdev=net,bootindex=0,romfile=/usr/lib/ipxe/qemu/pxe-e1000.rom
}

ipxe() {
    printf '%s\n' '#!ipxe' "kernel linux $options by=ipxe" 'initrd initrd' boot >"$files/boot.ipxe"
    by_bios ipxe ipxe boot.ipxe
}

grub_bios() {
    grub i386-pc-pxe "$bios" $'serial\nterminal_output serial' >"$files/grub.pxe" && by_bios grub i386-pc-pxe grub.pxe
}

ovmf() {
    if ((!IS_ROOT)); then
        echo 'FAIL ovmf needs root for a tap device. Run it as root, or set PUREBOOT_SKIP_ROOT_TESTS=1'
        return 1
    fi
    network && grub x86_64-efi "$efi" net_bootp >"$files/grub.efi" && cp /usr/share/OVMF/OVMF_VARS_4M.fd "$work/vars" || return 1
    # Other ways to boot go, so that HTTP is the first. Newer firmware wants a source of random numbers.
    boot ovmf 10.77.0.10 x86_64-efi grub.efi -netdev tap,id=net,ifname=tap0,script=no,downscript=no \
        -device virtio-net-pci,netdev=net,bootindex=0,romfile= -device virtio-rng-pci \
        -drive if=pflash,format=raw,unit=0,readonly=on,file=/usr/share/OVMF/OVMF_CODE_4M.fd \
        -drive "if=pflash,format=raw,unit=1,file=$work/vars" -fw_cfg name=opt/org.tianocore/IPv4PXESupport,string=no \
        -fw_cfg name=opt/org.tianocore/IPv6PXESupport,string=no -fw_cfg name=opt/org.tianocore/IPv6Support,string=no
}

ip link set lo up
mkdir -p "$files"
cp "$kernel" "$files/linux"
initrd >"$files/initrd"
serve
passed=0 failed=0
for client; do
    if [[ $client == ovmf && ${PUREBOOT_SKIP_ROOT_TESTS:-} == 1 ]] && ((!IS_ROOT)); then
        echo 'skipped: ovmf needs root'
        continue
    fi
    case $client in
    ipxe) run=ipxe ;;
    grub) run=grub_bios ;;
    ovmf) run=ovmf ;;
    *) echo "run.sh: no client is named $client" >&2; exit 64 ;;
    esac
    if "$run"; then passed=$((passed + 1)); else failed=$((failed + 1)); fi
done
echo "$passed passed, $failed failed"
((failed == 0 && passed > 0))
