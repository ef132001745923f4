"""What a process's /proc/PID/mountinfo says: never a path that leads over a mount, which might be dead."""

import os
import re
from dataclasses import dataclass


@dataclass
class Mount:
    id: int
    point: str
    flags: set
    fstype: str
    source: str
    options: dict

    def version(self):
        return self.options.get("vers")


def _plain(text):
    return re.sub(r"\\(\d{3})", lambda m: chr(int(m.group(1), 8)), text)


def parse(line):
    left, right = line.rstrip("\n").split(" - ", 1)
    fields, (fstype, source, options) = left.split(" "), right.split(" ", 2)
    pairs = (option.partition("=") for option in options.split(","))
    return Mount(
        id=int(fields[0]),
        point=_plain(fields[4]),
        flags=set(fields[5].split(",")),
        fstype=fstype,
        source=_plain(source),
        options={key: value for key, _, value in pairs},
    )


def below(folder, pid="self"):
    """The mounts at or below `folder`, in the order they were made."""
    with open(f"/proc/{pid}/mountinfo") as lines:
        mounts = [parse(line) for line in lines]
    return [m for m in mounts if m.point == folder or m.point.startswith(folder + "/")]


def children(pid):
    """Every process below `pid`: {pid: state letter}."""
    parents, states = {}, {}
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            try:
                with open(f"/proc/{entry}/stat") as file:
                    rest = file.read().rpartition(")")[2].split()
            except OSError:
                continue
            states[int(entry)], parents[int(entry)] = rest[0], int(rest[1])
    found, todo = {}, [pid]
    while todo:
        parent = todo.pop()
        for child in [c for c, p in parents.items() if p == parent]:
            found[child] = states[child]
            todo.append(child)
    return found
