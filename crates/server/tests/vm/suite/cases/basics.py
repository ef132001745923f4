"""Register, test, mounted, measured: versions, addresses, exports."""

import os
import socket

from .. import checks
from ..netns import SERVER, SERVER6, SERVER_LINK_LOCAL
from ..world import IMAGES

SECOND = "/srv/exp/second"


def _whole_way(world, server, options, version, addr=SERVER, export=IMAGES, counts=None):
    backend = world.service.register(f"b {server} {options}", server, export, options)
    checks.status(world, backend, "offline")
    result = world.service.test(backend)
    checks.passed(result)
    checks.status(world, backend, "online")
    checks.mounted(world, backend, version, addr)
    checks.measured(world, backend, export, *(counts or world.images))
    return backend


def v3(world):
    _whole_way(world, SERVER, "vers=3", "3")


def v4_0(world):
    _whole_way(world, SERVER, "vers=4.0", "4.0")


def v4_1(world):
    _whole_way(world, SERVER, "vers=4.1", "4.1")


def v4_2(world):
    _whole_way(world, SERVER, "vers=4.2", "4.2")


def delete_unmounts(world):
    backend = _whole_way(world, SERVER, "vers=4.1", "4.1")
    answer = world.service.call("DELETE", f"/{backend}")
    assert answer.data["id"] == backend, answer.body
    assert not world.service.mounts(backend), "still mounted"
    world.service.call("GET", f"/{backend}").problem(404, "backend_not_found")


def ipv6(world):
    _whole_way(world, SERVER6, "vers=4.1", "4.1", SERVER6)


def ipv6_brackets_v3(world):
    _whole_way(world, f"[{SERVER6}]", "vers=3", "3", SERVER6)


def ipv6_link_local(world):
    # The kernel shows the zone by its number.
    shown = SERVER_LINK_LOCAL.replace("vc", str(socket.if_nametoindex("vc")))
    _whole_way(world, SERVER_LINK_LOCAL, "vers=4.2", "4.2", shown)


def host_name(world):
    _whole_way(world, "nas.test", "vers=4.1", "4.1")


def unknown_host_name(world):
    backend = world.service.register("nobody", "nobody.invalid", IMAGES)
    checks.failed(world.service.test(backend), "resolve")
    checks.status(world, backend, "error")


def options_null(world):
    """Without options the newest version that both sides speak, or at least one of them."""
    backend = world.service.register("defaults", SERVER, IMAGES, None)
    checks.passed(world.service.test(backend))
    assert len(world.service.mounts(backend)) == 1, world.service.mounts()


def read_write_on_demand(world):
    backend = world.service.register("writable", SERVER, IMAGES, "rw,vers=4.1")
    checks.passed(world.service.test(backend))
    layer = checks.mounted(world, backend, "4.1", SERVER, ("rw", "nosuid", "nodev", "noexec"))
    with open(f"{layer.point}/written", "w") as file:
        file.write("1")


def read_only_by_default(world):
    backend = world.service.register("guarded", SERVER, IMAGES)
    checks.passed(world.service.test(backend))
    layer = checks.mounted(world, backend, "4.1", SERVER)
    assert "ro" in layer.options, "only the mount is read-only, not its superblock"
    try:
        open(f"{layer.point}/never", "w").close()
    except OSError as error:
        assert error.errno == 30, error
    else:
        raise AssertionError("a read-only mount was written to")


def export_with_space(world):
    _whole_way(world, SERVER, "vers=4.1", "4.1", export="/srv/exp/with space", counts=(3, 3))
    _whole_way(world, SERVER, "vers=3", "3", export="/srv/exp/with space", counts=(3, 3))


def export_not_listed(world):
    backend = world.service.register("absent", SERVER, "/srv/exp/nothing")
    result = world.service.test(backend)
    checks.failed(result, "exports")
    assert checks.outcomes(result).get("mount") != "passed", result["checks"]
    checks.status(world, backend, "error")
    assert not world.service.mounts(), "something was mounted"


def export_is_prefix(world):
    """/srv/exp/im is a directory, and the beginning of an export's name, but no export."""
    backend = world.service.register("prefix", SERVER, "/srv/exp/im")
    checks.failed(world.service.test(backend), "exports")
    world.server.export({**world.server.exports, "/srv/exp/im": "*"})
    checks.passed(world.service.test(backend))
    checks.measured(world, backend, "/srv/exp/im", 1, 1)


def _denied(world, version):
    world.server.export({**world.server.exports, "/srv/exp/second": "10.9.0.77"})
    backend = world.service.register("denied", SERVER, "/srv/exp/second", version)
    result = world.service.test(backend)
    checks.failed(result, "mount")
    checks.status(world, backend, "error")
    assert not world.service.mounts(), "something was mounted"


def denied_v4(world):
    _denied(world, "vers=4.1")


def denied_v3(world):
    _denied(world, "vers=3")


def root_of_v4_is_the_export(world):
    """With fsid=0, NFSv4 has the listed path as /; both checks say so, and the advice works."""
    before = world.server.ids[IMAGES]
    world.server.ids[IMAGES] = 0
    try:
        world.server.export({IMAGES: "*"})
        backend = world.service.register("listed", SERVER, IMAGES, "vers=4.2")
        result = world.service.test(backend)
        checks.failed(result, "mount")
        exports = next(c for c in result["checks"] if c["name"] == "exports")
        assert "no such path" in exports["detail"], exports
        assert "to / if the root is /srv/exp/images" in result["message"], result["message"]
        checks.passed(world.service.test(world.service.register("advised", SERVER, "/", "vers=4.2")))
        checks.passed(world.service.test(world.service.register("version 3", SERVER, IMAGES, "vers=3")))
    finally:
        world.server.ids[IMAGES] = before


def root_is_squashed(world):
    """The mount passes, and the message says that the files can't be read, of a file and of the directory."""
    root = world.server.path(SECOND)
    world.server.write(f"{SECOND}/closed.iso")
    try:
        world.server.export({SECOND: "*"}, options="ro,root_squash,insecure,no_subtree_check")
        os.chmod(f"{root}/closed.iso", 0o600)
        for mode in (0o755, 0o700):
            os.chmod(root, mode)
            for options in ("vers=4.1", "vers=3"):
                backend = world.service.register(f"{mode:o} {options}", SERVER, SECOND, options)
                result = world.service.test(backend)
                checks.passed(result)
                assert "can't be read: the server squashes root" in result["message"], result["message"]
    finally:
        os.chmod(root, 0o755)
        os.remove(f"{root}/closed.iso")


def mount_daemon_is_dead(world):
    """rpcbind answers, and names the port of a mount daemon that was killed."""
    world.server.kill_mountd()
    try:
        result = world.service.test(world.service.register("v3", SERVER, IMAGES, "vers=3"))
        checks.failed(result, "mount")
        assert "the mount daemon refuses connections" in result["message"], result["message"]
    finally:
        world.server.start_mountd()


def kerberos_without_keys(world):
    backend = world.service.register("kerberos", SERVER, IMAGES, auth="kerberos")
    checks.failed(world.service.test(backend), "mount")
    assert not world.service.mounts(), "mounted without Kerberos"


def patch_to_another_export(world):
    backend = _whole_way(world, SERVER, "vers=4.1", "4.1")
    answer = world.service.call("PATCH", f"/{backend}", {"config": {"export_path": "/srv/exp/second"}})
    assert answer.data["status"] == "offline", answer.body
    assert not world.service.mounts(backend), "the old export is still mounted"
    checks.passed(world.service.test(backend))
    layer = checks.mounted(world, backend, "4.1", SERVER)
    assert layer.source.endswith(":/srv/exp/second"), layer
    checks.measured(world, backend, "/srv/exp/second", 2, 1)


def patch_of_the_name_keeps_the_mount(world):
    backend = world.service.register("before", SERVER, IMAGES)
    checks.passed(world.service.test(backend))
    layer = checks.mounted(world, backend, "4.1", SERVER)
    with checks.kept(world, backend, layer):
        assert world.service.call("PATCH", f"/{backend}", {"name": "after"}).data["status"] == "online"


CASES = [
    v3,
    v4_0,
    v4_1,
    v4_2,
    delete_unmounts,
    ipv6,
    ipv6_brackets_v3,
    ipv6_link_local,
    host_name,
    unknown_host_name,
    options_null,
    read_write_on_demand,
    read_only_by_default,
    export_with_space,
    export_not_listed,
    export_is_prefix,
    denied_v4,
    denied_v3,
    root_of_v4_is_the_export,
    root_is_squashed,
    mount_daemon_is_dead,
    kerberos_without_keys,
    patch_to_another_export,
    patch_of_the_name_keeps_the_mount,
]
