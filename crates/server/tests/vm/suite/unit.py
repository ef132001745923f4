"""Control groups: what the shipped systemd unit lets the service have, and what processes took."""

import os
import re
import resource

from . import syscalls

CONTROL = "/run/control"
"""Where the tree of control groups is."""
_HERE = os.path.dirname(os.path.abspath(__file__))
_UNIT = os.path.join(_HERE, *[".."] * 5, "docs/systemd/pureboot-storage.service")


class Group:
    """A control group, which the processes that are started with `enter`, and theirs, belong to."""

    def __init__(self, name):
        self.path = f"{CONTROL}/{name}"
        if not os.path.ismount(CONTROL):
            os.makedirs(CONTROL, exist_ok=True)
            syscalls.mount("control", CONTROL, "cgroup2")
        self.write("../cgroup.subtree_control", "+memory +pids")

    def write(self, name, value):
        os.makedirs(self.path, exist_ok=True)
        with open(f"{self.path}/{name}", "w") as file:
            file.write(str(value))

    def enter(self):
        """For `preexec_fn`: moves the calling process into the group."""
        self.write("cgroup.procs", os.getpid())

    def number(self, name):
        with open(f"{self.path}/{name}") as file:
            return int(file.read())

    def table(self, name):
        with open(f"{self.path}/{name}") as file:
            return {key: int(value) for key, value in (line.split() for line in file)}

    def seconds(self):
        """The processor time that the group took so far."""
        return self.table("cpu.stat")["usage_usec"] / 1e6


class Unit(Group):
    """A control group with the unit's limits."""

    def __init__(self):
        super().__init__("unit")
        with open(_UNIT) as file:
            found = dict(re.findall(r"^(\w+)=(.+)$", file.read(), re.MULTILINE))
        memory = found["MemoryMax"]
        self.memory = int(memory[:-1]) << {"M": 20, "G": 30}[memory[-1]]
        self.tasks = int(found["TasksMax"])
        self._files, self._umask = int(found["LimitNOFILE"]), int(found["UMask"], 8)
        self.write("memory.max", self.memory)
        self.write("pids.max", self.tasks)

    def enter(self):
        super().enter()
        resource.setrlimit(resource.RLIMIT_NOFILE, (self._files, self._files))
        os.umask(self._umask)
