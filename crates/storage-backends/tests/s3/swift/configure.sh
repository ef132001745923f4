#!/usr/bin/env bash
# Writes the settings of a Swift of one node, with s3api in front: configure.sh VENV DIR PROXY OBJECT CONTAINER ACCOUNT
# SECRET (the four before it are free ports of the loopback). The key is test:tester, the region lab-1.
set -euo pipefail
venv=$1 dir=$2 proxy=$3
declare -A ports=([object]=$4 [container]=$5 [account]=$6)

mkdir -p "$dir/node/d1" "$dir/cache"
cat >"$dir/swift.conf" <<EOF
[swift-hash]
swift_hash_path_prefix = tests
swift_hash_path_suffix = tests
[storage-policy:0]
name = one
default = yes
EOF

for kind in object container account; do
    cat >"$dir/$kind.conf" <<EOF
[DEFAULT]
bind_ip = 127.0.0.1
bind_port = ${ports[$kind]}
workers = 0
user = $(id -un)
swift_dir = $dir
devices = $dir/node
mount_check = false
disable_fallocate = true
log_address = $dir/no-syslog
[pipeline:main]
pipeline = $kind-server
[app:$kind-server]
use = egg:swift#$kind
EOF
    # Eight partitions, one copy, no waiting between changes.
    (
        cd "$dir"
        "$venv/bin/python" "$venv/bin/swift-ring-builder" "$kind.builder" create 3 1 0
        "$venv/bin/python" "$venv/bin/swift-ring-builder" "$kind.builder" add "r1z1-127.0.0.1:${ports[$kind]}/d1" 1
        "$venv/bin/python" "$venv/bin/swift-ring-builder" "$kind.builder" rebalance
    ) >/dev/null
done

cat >"$dir/proxy.conf" <<EOF
[DEFAULT]
bind_ip = 127.0.0.1
bind_port = $proxy
workers = 0
user = $(id -un)
swift_dir = $dir
log_address = $dir/no-syslog
[pipeline:main]
pipeline = catch_errors cache s3api tempauth bulk slo proxy-server
[filter:catch_errors]
use = egg:swift#catch_errors
[filter:cache]
use = egg:swift#memcache
memcache_servers = 127.0.0.1:1
[filter:s3api]
use = egg:swift#s3api
location = lab-1
[filter:tempauth]
use = egg:swift#tempauth
user_test_tester = $7 .admin
user_test_guest = guessing
[filter:bulk]
use = egg:swift#bulk
[filter:slo]
use = egg:swift#slo
[app:proxy-server]
use = egg:swift#proxy
account_autocreate = true
EOF
