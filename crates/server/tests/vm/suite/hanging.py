"""Which helper processes hang in the kernel, and on whose mount: what a blocked system call was given tells.

Nothing here follows a path that leads over a mount.
"""

import contextlib
import os
import re
import time

from . import mounts

# x86-64: which argument of a system call is a path, and which a descriptor.
_PATHS = {137: 0, 165: 1, 166: 0, 84: 0, 257: 1, 262: 1, 332: 1, 258: 1}
_DESCRIPTORS = {138: 0, 217: 0, 257: 0, 262: 0, 332: 0, 5: 0}
_ID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
HANGS_SECONDS = 3.0
"""Who waits in the same call for so long hangs; the worker of an unmount may say farewell for a second."""


def _text(pid, address):
    """The text at an address of another process."""
    with open(f"/proc/{pid}/mem", "rb", buffering=0) as memory:
        memory.seek(address)
        return memory.read(256).partition(b"\0")[0].decode(errors="replace")


def _backend(pid, number, arguments):
    """The backend whose id stands in what the call was given."""
    told = ""
    with contextlib.suppress(OSError, ValueError, OverflowError):
        if number in _PATHS:
            told = _text(pid, arguments[_PATHS[number]])
    with contextlib.suppress(OSError):
        if number in _DESCRIPTORS and not _ID.search(told):
            told = os.readlink(f"/proc/{pid}/fd/{arguments[_DESCRIPTORS[number]]}")
    found = _ID.search(told)
    return found and found.group()


def _calls(pid):
    """(what identifies it, backend) of each call on a mount in which a thread of this process waits."""
    with contextlib.suppress(OSError):
        for task in os.listdir(f"/proc/{pid}/task"):
            with contextlib.suppress(OSError), open(f"/proc/{pid}/task/{task}/syscall") as file:
                line = file.read()
                fields = line.split()
                if len(fields) == 9 and (fields[0].isdigit()):
                    backend = _backend(pid, int(fields[0]), [int(field, 16) for field in fields[1:7]])
                    if backend:
                        yield (pid, task, line), backend


class Hanging:
    """Looked at now and then: how many processes of one backend hang at once, at the most."""

    def __init__(self, pid):
        self.pid, self.since, self.most, self.helpers = pid, {}, {}, 0

    def look(self):
        now, seen, hanging = time.monotonic(), {}, {}
        children = mounts.children(self.pid)
        self.helpers = max(self.helpers, len(children))
        for child in children:
            for call, backend in _calls(child):
                seen[call] = self.since.get(call, now)
                if now - seen[call] >= HANGS_SECONDS:
                    hanging.setdefault(backend, set()).add(child)
        self.since = seen
        for backend, processes in hanging.items():
            self.most[backend] = max(self.most.get(backend, 0), len(processes))

    def worst(self):
        return max(self.most.values(), default=0)
