# Functions in place of programs that a host has: cargo (the binary is built already), sudo, and systemctl, which starts
# and stops the service as its installed unit says.
exec 2>&1
unit=/etc/systemd/system/pureboot-storage.service
log=/tmp/service.log
service=

cargo() { :; }

value() { sed -n "s/^$1=//p" "$unit"; }

# Runs a command as a user, in the environment that sudo and systemd give: only the user's name and home directory.
as_user() {
    local user=$1 home
    shift
    home=$(getent passwd "$user" | cut -d : -f 6)
    env --ignore-environment PATH=/usr/local/bin:/usr/bin:/bin HOME="$home" USER="$user" LOGNAME="$user" \
        "${environment[@]}" setpriv --reuid="$user" --regid="$user" --init-groups -- "$@"
}

sudo() {
    if [[ $1 == -u ]]; then
        environment=()
        as_user "${@:2}"
    else
        "$@"
    fi
}

start() {
    local user
    user=$(value User)
    install -d -m "$(value StateDirectoryMode)" -o "$user" -g "$user" "/var/lib/$(value StateDirectory)"
    mapfile -t environment < <(value Environment)
    # shellcheck disable=SC2046 # a command line
    (umask "$(value UMask)" && cd / && as_user "$user" $(value ExecStart)) 2>>"$log" &
    service=$!
    until curl --silent --fail --output /dev/null http://127.0.0.1:8080/readyz; do
        kill -0 "$service" 2>/dev/null || { cat "$log"; exit 1; }
        sleep 0.05
    done
}

systemctl() {
    case $* in
    daemon-reload) ;;
    "enable --now pureboot-storage" | "start pureboot-storage") start ;;
    "stop pureboot-storage")
        pkill --parent "$service" || true
        wait "$service"
        ;;
    *)
        echo "systemctl $*: not known here"
        exit 1
        ;;
    esac
}

trap 'kill $(jobs -p) 2>/dev/null' EXIT
