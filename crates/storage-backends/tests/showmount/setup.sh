#!/bin/sh
# setup.sh KIND PROGRAM ARG...: starts a server of KIND (ganesha, rpcbind, none; dead: ganesha, which is killed) in the
# namespaces that it is called in, and runs PROGRAM when it is ready.
set -eu
kind=$1
shift

export PATH=/usr/sbin:/usr/bin:/sbin:/bin
ip link set lo up
mount -t tmpfs tmpfs /run
mount -t tmpfs tmpfs /var/lib/nfs
mkdir -p /run/ganesha /run/rpcbind /var/lib/nfs/ganesha

if [ "$kind" != none ]; then
    rpcbind -w
fi
if [ "$kind" = ganesha ] || [ "$kind" = dead ]; then
    cat >/run/ganesha.conf <<'CONF'
NFS_CORE_PARAM {
  NFS_Protocols = 3, 4;
  MNT_Port = 20048;
  Enable_NLM = false;
  Enable_RQUOTA = false;
}
NFSV4 { Graceless = true; RecoveryBackend = fs; }
NFS_KRB5 { Active_krb5 = false; }
LOG { Default_Log_Level = EVENT; }
EXPORT {
  Export_Id = 1; Path = /mem/images; Pseudo = /images; Access_Type = RW; Squash = None; Protocols = 3, 4;
  SecType = sys; FSAL { Name = MEM; }
  CLIENT { Clients = 127.0.0.1, 10.0.0.0/8, @netgrp; Access_Type = RW; }
}
EXPORT {
  Export_Id = 2; Path = "/mem/with space"; Pseudo = /space; Access_Type = RO; Protocols = 3, 4;
  SecType = sys; FSAL { Name = MEM; }
}
CONF
    ganesha.nfsd -F -L /run/ganesha.log -f /run/ganesha.conf -p /run/ganesha/pid &
    # It registers with rpcbind for each address family on its own.
    lists() { showmount --no-headers -e "$1" 2>/dev/null | grep -q .; }
    tries=0
    until lists 127.0.0.1 && lists ::1; do
        tries=$((tries + 1))
        if [ "$tries" -gt 200 ]; then
            cat /run/ganesha.log >&2
            exit 1
        fi
        sleep 0.05
    done
fi
if [ "$kind" = dead ]; then
    kill -9 "$!"
    wait "$!" || true
fi
exec "$@"
