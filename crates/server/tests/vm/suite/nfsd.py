"""The kernel's NFS server: its own root on tmpfs, its exports, its daemons."""

import os
import shutil

from . import netns, syscalls

# The NFSv4 pseudo root walks from `/`, and an overlay can't be exported: so the server gets a root on tmpfs.
_BORROWED = ("usr", "proc", "sys", "dev")
_ETC = ("passwd", "group", "hosts", "nsswitch.conf", "netconfig", "services", "protocols", "rpc", "nfs.conf", "ld.so.cache")
_ROOT = "/run/server"
OPTIONS = "rw,no_root_squash,insecure,no_subtree_check"
# path: megabytes. Each is a file system of its own, so that capacities tell them apart.
AREAS = {
    "/srv/exp/images": 64,
    "/srv/exp/second": 32,
    "/srv/exp/im": 16,
    "/srv/exp/with space": 8,
    "/srv/exp/many": 96,
    "/srv/exp/large": 1024,
}


def server_root():
    syscalls.private_mounts()
    os.makedirs(_ROOT)
    syscalls.mount("server", _ROOT, "tmpfs", 0, "mode=755")
    os.chdir(_ROOT)
    for name in (*_BORROWED, "run", "old", "etc/exports.d", "var/tmp", "srv", "tmp", "root"):
        os.makedirs(name)
    for name in ("v4recovery", "rpc_pipefs", "sm", "sm.bak"):
        os.makedirs(f"var/lib/nfs/{name}")
    for name in ("etab", "rmtab", "state"):
        open(f"var/lib/nfs/{name}", "w").close()
    for name in ("bin", "sbin", "lib", "lib64"):
        os.symlink(f"usr/{name}", name)
    for name in _ETC:
        if os.path.exists(f"/etc/{name}"):
            shutil.copy(f"/etc/{name}", f"etc/{name}")
    for name in _BORROWED:
        syscalls.mount(f"/{name}", name, None, syscalls.MS_BIND | syscalls.MS_REC)
    syscalls.mount("run", "run", "tmpfs", 0, "mode=755")
    os.makedirs("run/rpcbind")
    syscalls.pivot_root(".", "old")
    os.chdir("/")
    syscalls.umount("/old", syscalls.MNT_DETACH)
    for path, megabytes in AREAS.items():
        os.makedirs(path)
        syscalls.mount("area", path, "tmpfs", 0, f"size={megabytes}m")
    if not os.path.exists("/proc/fs/nfsd/threads"):
        syscalls.mount("nfsd", "/proc/fs/nfsd", "nfsd")


class Server(netns.Host):
    def __init__(self):
        super().__init__(server_root)
        self.exports = {}
        # tmpfs has no stable device number: every export names its own id.
        self.ids = {path: number for number, path in enumerate(AREAS, 10)}

    def start(self):
        # Records of earlier clients would keep the grace period open; the kernel's helper keeps them in the first root.
        shutil.rmtree("/var/lib/nfs/nfsdcltrack", ignore_errors=True)
        os.makedirs("/var/lib/nfs/nfsdcltrack", exist_ok=True)
        self.run("rpcbind")
        self.run("exportfs", "-ra")
        self.run("rpc.mountd")
        self.serve()

    def only_version_4(self):
        """No rpcbind, and no mountd that answers, until the machine ends."""
        self.halt()
        self.run("pkill", "-TERM", "-x", "rpc.mountd")
        self.stop_rpcbind()
        self.run("rpc.mountd", "-N", "2", "-N", "3")
        self.serve("-N", "3")

    def serve(self, *args):
        """Starts nfsd's threads, and ends the grace period at once."""
        self.run("rpc.nfsd", "--grace-time", "10", "--lease-time", "10", *args, "4")
        with open(self.path("/proc/fs/nfsd/v4_end_grace"), "w") as grace:
            grace.write("Y")

    def kill_mountd(self):
        """Kills the mount daemon, which rpcbind still names."""
        self.run("pkill", "-KILL", "-x", "rpc.mountd")

    def start_mountd(self):
        self.run("rpc.mountd")

    def halt(self):
        """Stops nfsd: its port resets connections from now on."""
        self.run("rpc.nfsd", "0")

    def stop_rpcbind(self):
        self.run("pkill", "-TERM", "-x", "rpcbind")

    def start_rpcbind(self):
        """A new one knows nobody: mountd and nfsd tell it of themselves once more."""
        self.run("rpcbind")
        self.run("pkill", "-TERM", "-x", "rpc.mountd")
        self.run("rpc.mountd")
        self.halt()
        self.serve()

    def replace(self, path):
        """Another file system at the same place: every handle to the old one is stale."""
        before = dict(self.exports)
        self.export({})
        self.run("umount", path)
        self.run("mount", "-t", "tmpfs", "-o", f"size={AREAS[path]}m", "area", path)
        # Under the old id the handle of an export's root would still be good.
        self.ids[path] += 100
        self.export(before)

    def export(self, exports, apply=True, options=OPTIONS):
        """Exports {path: clients} and nothing else."""
        self.exports = dict(exports)
        lines = [f'"{path}" {clients}({options},fsid={self.ids[path]})\n' for path, clients in exports.items()]
        with open(self.path("/etc/exports"), "w") as file:
            file.writelines(lines)
        if apply:
            self.run("exportfs", "-ra")

    def write(self, path, data=b""):
        full = self.path(path)
        os.makedirs(os.path.dirname(full), exist_ok=True)
        with open(full, "wb") as file:
            file.write(data)

    def clear(self):
        """Deletes what the exports hold."""
        for area in AREAS:
            with os.scandir(self.path(area)) as entries:
                for entry in entries:
                    shutil.rmtree(entry.path) if entry.is_dir(follow_symlinks=False) else os.remove(entry.path)

    def files(self, path):
        """What `find PATH -type f | wc -l` says on the server."""
        count = 0
        for folder, _, names in os.walk(os.fsencode(self.path(path))):
            count += sum(1 for n in names if os.path.isfile(p := os.path.join(folder, n)) and not os.path.islink(p))
        return count
