"""The kernel's iSCSI target (LIO), set up by its configfs as targetcli would; it listens in the server's namespace."""

import os
import subprocess

from . import netns, syscalls

PORT = 3260
_ROOT = "/sys/kernel/config/target"
_ISCSI = f"{_ROOT}/iscsi"
# The file's space is taken only where something is written.
_FILES = "/run/lio"
_ESTABLISHED, _CLOSE_WAIT = "01", "08"


def _write(path, text):
    with open(path, "w") as file:
        file.write(str(text))


class Disk:
    """A file that LIO serves as a disk."""

    _count = 0

    def __init__(self, size, block=512, serial=None):
        self.size, self.block = size, block
        self.name = f"disk{Disk._count}"
        self.path = f"{_ROOT}/core/fileio_{Disk._count}/{self.name}"
        Disk._count += 1
        os.makedirs(self.path)
        _write(f"{self.path}/control", f"fd_dev_name={_FILES}/{self.name},fd_dev_size={size}")
        _write(f"{self.path}/enable", 1)
        _write(f"{self.path}/attrib/block_size", block)
        if serial:
            _write(f"{self.path}/wwn/vpd_unit_serial", serial)


class Target:
    """One target with its only portal group."""

    def __init__(self, server, name, disks=(), open_to_all=True, **attributes):
        self.name, self.group = name, f"{_ISCSI}/{name}/tpgt_1"
        os.makedirs(self.group)
        for number, disk in enumerate(disks):
            os.mkdir(f"{self.group}/lun/lun_{number}")
            os.symlink(disk.path, f"{self.group}/lun/lun_{number}/disk")
        self.set(authentication=0, generate_node_acls=int(open_to_all), demo_mode_write_protect=1, **attributes)
        # The portal's socket belongs to the namespace of whoever makes the directory.
        server.run("mkdir", f"{self.group}/np/{netns.SERVER}:{PORT}")
        self.enable()

    def enable(self, on=True):
        _write(f"{self.group}/enable", int(on))

    def set(self, **attributes):
        for name, value in attributes.items():
            _write(f"{self.group}/attrib/{name}", value)

    def param(self, **params):
        for name, value in params.items():
            _write(f"{self.group}/param/{name}", value)

    def accounts(self, **words):
        """What initiators log in with (userid, password), and what the target proves itself with (…_mutual)."""
        self.set(authentication=1)
        for name, value in words.items():
            _write(f"{self.group}/auth/{name}", value)

    def admit(self, initiator):
        """Puts an initiator into the access list, with every disk of the target."""
        acl = f"{self.group}/acls/{initiator}"
        os.mkdir(acl)
        for lun in sorted(os.listdir(f"{self.group}/lun")):
            number = lun.removeprefix("lun_")
            os.mkdir(f"{acl}/lun_{number}")
            os.symlink(f"{self.group}/lun/{lun}", f"{acl}/lun_{number}/disk")

    def expel(self, initiator):
        acl = f"{self.group}/acls/{initiator}"
        for lun in [name for name in os.listdir(acl) if name.startswith("lun_")]:
            os.unlink(f"{acl}/{lun}/disk")
            os.rmdir(f"{acl}/{lun}")
        os.rmdir(acl)

    def sessions(self):
        """The sessions of initiators that no list names, and of those that one does."""
        with open(f"{self.group}/dynamic_sessions") as file:
            found = [name for name in file.read().replace("\0", "\n").split("\n") if name]
        for initiator in os.listdir(f"{self.group}/acls"):
            with open(f"{self.group}/acls/{initiator}/info") as file:
                text = file.read()
            if "No active iSCSI Session" not in text:
                found.append(text)
        return found


class Lio:
    """All targets of the kernel."""

    def __init__(self, server):
        self.server, self.targets = server, []
        subprocess.run(["modprobe", "-a", "target_core_mod", "target_core_file", "iscsi_target_mod"], check=True)
        if not os.path.isdir("/sys/kernel/config/target"):
            syscalls.mount("config", "/sys/kernel/config", "configfs")
            server.run("mount", "-t", "configfs", "config", "/sys/kernel/config")
        os.makedirs(_FILES)
        os.makedirs(_ISCSI)

    def target(self, *args, **kw):
        self.targets.append(Target(self.server, *args, **kw))
        return self.targets[-1]

    def discovery_account(self, userid="", password=""):
        """Makes discoveries log in; without a name they need not any more."""
        auth = f"{_ISCSI}/discovery_auth"
        if userid:
            _write(f"{auth}/userid", userid)
            _write(f"{auth}/password", password)
        _write(f"{auth}/enforce_discovery_auth", int(bool(userid)))

    def left(self):
        """What initiators left behind: sessions, and connections, which discoveries have too."""
        found = [f"{target.name}: {session}" for target in self.targets for session in target.sessions()]
        with open(f"/proc/{self.server.pid}/net/tcp") as file:
            rows = [line.split() for line in file.readlines()[1:]]
        return found + [
            " ".join(row[:4])
            for row in rows
            if row[1].endswith(f":{PORT:04X}") and row[3] in (_ESTABLISHED, _CLOSE_WAIT)
        ]
