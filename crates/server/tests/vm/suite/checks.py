"""What several cases look at."""

import contextlib
import os

from . import mounts
from .service import until


def outcomes(result):
    return {check["name"]: check["outcome"] for check in result["checks"]}


def passed(result, **differently):
    """The test passed, and so did each of its checks but those named."""
    assert result["success"] is True, f"{result['message']} {result['checks']}"
    wanted = dict(resolve="passed", exports="passed", mount="passed", capacity="passed") | differently
    found = outcomes(result)
    assert wanted.items() <= found.items(), f"wanted {wanted}, found {result['checks']}"


def failed(result, check):
    """The test failed at this check, and says so in words."""
    assert result["success"] is False, f"passed: {result['checks']}"
    assert outcomes(result).get(check) == "failed", f"{check} did not fail: {result['checks']}"
    assert result["message"], "no message"
    detail = next(c["detail"] for c in result["checks"] if c["name"] == check)
    assert detail, f"no detail at {check}"


def mounted(world, backend, version, addr, flags=("ro", "nosuid", "nodev", "noexec")):
    """Exactly one layer, as it should be; returns it."""
    layers = world.service.mounts(backend)
    assert len(layers) == 1, f"layers: {layers}"
    layer = layers[0]
    assert layer.version() == version, f"vers={layer.version()}, wanted {version}"
    assert layer.options.get("addr") == addr, f"addr={layer.options.get('addr')}, wanted {addr}"
    assert set(flags) <= layer.flags, f"flags {layer.flags} lack some of {flags}"
    assert "nosharecache" in layer.options, f"shares a superblock: {layer.options}"
    return layer


@contextlib.contextmanager
def kept(world, backend, layer):
    """The block leaves this very layer in place, and adds none.

    The kernel reuses the ids of mounts, but not while something is held open on them.
    """
    held = os.open(layer.point, os.O_PATH)
    try:
        yield
        layers = world.service.mounts(backend)
        assert [m.id for m in layers] == [layer.id], f"not kept but mounted anew: {layers}"
    finally:
        os.close(held)


def measured(world, backend, export, files, templates):
    """Capacity as statvfs(3) has it on the mount, counts as find(1) has them on the server."""
    layer = world.service.mounts(backend)[0]

    def scanned():
        stats = world.service.get(backend)["stats"]
        return stats if stats["file_count"] == files else None

    try:
        stats = until("the scan's result", scanned)
    except AssertionError:
        raise AssertionError(f"wanted {files} files: {world.service.get(backend)['stats']}") from None
    assert stats["template_count"] == templates, f"wanted {templates} templates: {stats}"
    size = os.statvfs(layer.point)
    total, used = size.f_blocks * size.f_frsize, (size.f_blocks - size.f_bfree) * size.f_frsize
    assert (stats["total_bytes"], stats["used_bytes"]) == (total, used), f"df has {total}, {used}: {stats}"
    there = os.statvfs(world.server.path(export))
    assert abs(total - there.f_blocks * there.f_frsize) < 2 << 20, f"not this export's capacity: {stats}"


def status(world, backend, wanted):
    found = world.service.get(backend)["status"]
    assert found == wanted, f"status {found}, wanted {wanted}"


def comm(pid):
    """A process's short name."""
    with open(f"/proc/{pid}/comm") as file:
        return file.read().strip()


def threads(world):
    """The names of the service's own threads."""
    tasks = f"/proc/{world.service.process.pid}/task"
    names = []
    for task in os.listdir(tasks):
        with contextlib.suppress(OSError), open(f"{tasks}/{task}/comm") as file:
            names.append(file.read().strip())
    return names


def helpers(world):
    """The processes below the service's own."""
    return mounts.children(world.service.process.pid)


def workers():
    """The worker processes on this machine, whoever started them; the twin starts none."""
    found = []
    for entry in os.listdir("/proc"):
        with contextlib.suppress(OSError):
            if entry.isdigit():
                with open(f"/proc/{entry}/cmdline", "rb") as file:
                    if file.read().startswith(b"storage-helper\0"):
                        found.append(int(entry))
    return found
