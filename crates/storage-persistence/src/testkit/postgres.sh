# Arguments: the directory of PostgreSQL's programs, and the port. Answers "ready" once the server takes connections,
# and "done" to every line of standard input ("stop", "start", "freeze", "thaw"). Stops the server and deletes its directory at the end
# of standard input.
set -eu
bin=$1 port=$2
directory=$(mktemp -d "${TMPDIR:-/tmp}/storage-postgres.XXXXXX" 2>/dev/null || mktemp -d /tmp/storage-postgres.XXXXXX)

start() {
    "$bin/pg_ctl" -D "$directory/data" -l "$directory/log" -w -t 60 start \
        -o "-p $port -c listen_addresses=127.0.0.1 -c unix_socket_directories=$directory -c max_connections=300 -c fsync=off" \
        >>"$directory/log" 2>&1 </dev/null
}

# The server and its sessions are there, and silent.
signal() {
    first=$(head -n 1 "$directory/data/postmaster.pid" 2>/dev/null) || return 0
    # shellcheck disable=SC2046 # one process a word
    kill -s "$1" "$first" $(cat "/proc/$first/task/$first/children" 2>/dev/null) 2>/dev/null || true
}

stop() {
    signal CONT
    "$bin/pg_ctl" -D "$directory/data" -m immediate -w stop >>"$directory/log" 2>&1 </dev/null || true
}

trap 'stop; rm -rf "$directory"' EXIT
trap 'exit 1' HUP INT TERM
# The tests may be gone before the answer is: then the answer fails, and ends the script in order.
trap '' PIPE

if ! {
    "$bin/initdb" -D "$directory/data" -A trust -U postgres --no-sync -E UTF8 --locale=C.UTF-8 \
        >>"$directory/log" 2>&1 </dev/null && start
}; then
    cat "$directory/log" >&2
    exit 1
fi
echo ready
while read -r command; do
    case $command in
    stop) stop ;;
    start) start ;;
    freeze) signal STOP ;;
    thaw) signal CONT ;;
    esac
    echo "done"
done
