"""The three hosts: namespaces held open by a sleeping process each, joined by veth pairs.

The NFS server lives in the initial network namespace, because nfsd's client tracking (and with it the early end of the
grace period) works only there. The process that runs the suite is itself the client.
"""

import os
import signal
import subprocess

from . import syscalls

SERVER, SERVER6 = "10.9.0.1", "fd00::1"
# What the kernel makes of the MAC address below, on the client's interface.
SERVER_LINK_LOCAL = "fe80::ff:fe00:1%vc"
HALF = "10.9.1.1"
SERVER_MAC, CLIENT_MAC = "02:00:00:00:00:01", "02:00:00:00:00:02"


class Host:
    """A process that holds a network and a mount namespace."""

    def __init__(self, prepare):
        ready, done = os.pipe()
        self.pid = os.fork()
        if self.pid == 0:
            try:
                prepare()
                os.write(done, b"1")
                while True:
                    signal.pause()
            finally:
                os._exit(1)
        os.close(done)
        if os.read(ready, 1) != b"1":
            raise RuntimeError("a host's namespaces could not be made")
        os.close(ready)

    def path(self, inside):
        """Where this host's file is seen from here: no process in there is needed to reach it."""
        return f"/proc/{self.pid}/root{inside}"

    def enter(self):
        """For `preexec_fn`: moves the calling process into this host."""
        net = os.open(f"/proc/{self.pid}/ns/net", os.O_RDONLY)
        mnt = os.open(f"/proc/{self.pid}/ns/mnt", os.O_RDONLY)
        syscalls.setns(net, syscalls.CLONE_NEWNET)
        syscalls.setns(mnt, syscalls.CLONE_NEWNS)

    def run(self, *argv, check=True, **kw):
        kw.setdefault("timeout", 60)
        done = subprocess.run(
            argv, preexec_fn=self.enter, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, **kw
        )
        if check and done.returncode != 0:
            raise RuntimeError(f"{' '.join(argv)}: {done.returncode}: {done.stdout.strip()}")
        return done

    def spawn(self, *argv, **kw):
        return subprocess.Popen(argv, preexec_fn=self.enter, **kw)


def half_root():
    syscalls.unshare(syscalls.CLONE_NEWNET)
    syscalls.private_mounts()


def become_client():
    """Turns this process, which must be single-threaded, into the client."""
    syscalls.unshare(syscalls.CLONE_NEWNET)
    syscalls.private_mounts()
    # The server's rpcbind socket lies in /run.
    syscalls.mount("run", "/run", "tmpfs", 0, "mode=755")


def ip(*lines, host=None):
    """Many ip(8) commands for the price of one process."""
    argv, text = ["ip", "-batch", "-"], "\n".join(lines) + "\n"
    if host is not None:
        return host.run(*argv, input=text)
    return subprocess.run(argv, input=text, text=True, check=True, timeout=60, capture_output=True)


def join(server, half):
    me = os.getpid()
    ip(
        "link set lo up",
        f"link add vs address {SERVER_MAC} type veth peer name vc address {CLIENT_MAC} netns {me}",
        f"addr add {SERVER}/24 dev vs",
        f"addr add {SERVER6}/64 dev vs nodad",
        f"addr add {SERVER_LINK_LOCAL.partition('%')[0]}/64 dev vs nodad",
        "link set vs up",
        host=server,
    )
    ip(
        "link set lo up",
        f"link add vh type veth peer name vhc netns {me}",
        f"addr add {HALF}/24 dev vh",
        "link set vh up",
        host=half,
    )
    ip(
        "link set lo up",
        "addr add 10.9.0.2/24 dev vc",
        "addr add fd00::2/64 dev vc nodad",
        "link set vc up",
        "addr add 10.9.1.2/24 dev vhc",
        "link set vhc up",
        # netem drops ARP too. Without this a cut link soon reads "no route to host" instead of silence.
        f"neigh replace {SERVER} dev vc nud permanent lladdr {SERVER_MAC}",
        f"neigh replace {SERVER6} dev vc nud permanent lladdr {SERVER_MAC}",
    )
    ip(f"neigh replace 10.9.0.2 dev vs nud permanent lladdr {CLIENT_MAC}", host=server)


class Link:
    """The cable between the client and the NFS server."""

    def __init__(self):
        self.changed = False

    def _netem(self, *what):
        verb = "change" if self.changed else "add"
        subprocess.run(["tc", "qdisc", verb, "dev", "vc", "root", "netem", *what], check=True, timeout=60)
        self.changed = True

    def cut(self):
        """Silence: packets vanish, and nobody says so."""
        self._netem("loss", "100%")

    def slow(self, milliseconds):
        self._netem("delay", f"{milliseconds}ms", "loss", "0%")

    def bad(self, milliseconds, percent):
        """Slow, and not all arrives."""
        self._netem("delay", f"{milliseconds}ms", "loss", f"{percent}%")

    def heal(self):
        if self.changed:
            subprocess.run(["tc", "qdisc", "del", "dev", "vc", "root"], check=True, timeout=60)
            self.changed = False
