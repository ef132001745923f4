"""What goes wrong on this host or beside the NFS server: name servers, rpcbind, the disk; and twenty who race."""

import os

from .. import checks, fault, syscalls
from ..netns import SERVER
from ..service import BASE, Later, until
from ..world import IMAGES

SMALL = f"{BASE}/small"


def names_gone(world):
    """Without name servers what is mounted goes on, a test says what is wrong, and all is well again by itself."""
    fault.watched(world)
    backend = fault.registered(world, "named", "vers=4.1", IMAGES, "nas.test")
    before, idle = fault.resources(world), fault.idle(world)
    with open("/etc/hosts") as file:
        hosts = file.read()
    try:
        with open("/etc/hosts", "w") as file:
            file.write("127.0.0.1 localhost\n")
        with open("/etc/resolv.conf", "w") as file:
            file.write("nameserver 10.9.0.77\n")
        with fault.Pulse(world.service) as pulse:
            result = world.service.test(backend)
            checks.failed(result, "resolve")
            assert result["seconds"] < 20, f"the test took {result['seconds']:.1f} s"
            assert len(world.service.mounts(backend)) == 1, "the mount was taken away for want of a name"
            pulse.enough()
    finally:
        with open("/etc/hosts", "w") as file:
            file.write(hosts)
    print(f"# names gone: online again {fault.online(world, backend):.1f} s after the end", flush=True)
    fault.compared(world, "names gone", idle, pulse, helpers=3)
    fault.none_leaked(world, before)


def rpcbind_gone(world):
    """NFSv4 needs none; version 3 does to mount, and says so; what is mounted goes on."""
    fault.watched(world)
    mounted = fault.registered(world, "mounted", "vers=3")
    fresh = world.service.register("fresh", SERVER, "/srv/exp/second", "vers=3")
    before, idle = fault.resources(world), fault.idle(world)
    world.server.stop_rpcbind()
    try:
        with fault.Pulse(world.service) as pulse:
            result = world.service.test(fresh)
            assert result["success"] is False and result["message"], result["checks"]
            four = world.service.register("four", SERVER, "/srv/exp/many", "vers=4.1")
            result = world.service.test(four)
            assert result["success"] is True, result["checks"]
            assert world.service.test(mounted)["seconds"] < fault.TEST_SECONDS
            assert len(world.service.mounts(mounted)) == 1, "the mount of version 3 is gone"
            pulse.enough()
    finally:
        world.server.start_rpcbind()
    for backend in (mounted, fresh):
        print(f"# rpcbind gone: online again {fault.online(world, backend):.1f} s after the end", flush=True)
    fault.compared(world, "rpcbind gone", idle, pulse, helpers=5)
    for backend in (four, fresh):
        world.service.call("DELETE", f"/{backend}")
    fault.none_leaked(world, before)


def disk_full(world):
    """Reads go on, writes say what is wrong, and all is well when there is room again."""
    world.service.stop()
    os.makedirs(SMALL, exist_ok=True)
    syscalls.mount("small", SMALL, "tmpfs", 0, "size=2m,mode=700")
    try:
        world.service.start(watch=fault.WATCH, state=SMALL)
        backend = fault.registered(world, "kept", "vers=4.1")
        with open(f"{SMALL}/filler", "wb", buffering=0) as filler:
            try:
                while True:
                    filler.write(b"x" * 4096)
            except OSError:
                pass
        refused = None
        with fault.Pulse(world.service):
            for number in range(40):
                config = {"server": SERVER, "export_path": "/srv/" + "x" * 3000, "mount_options": None}
                body = {"name": f"filling {number}", "type": "nfs", "config": config}
                answer = world.service.call("POST", "", body)
                if answer.status != 201:
                    refused = answer
                    break
            assert refused is not None, "forty writes went onto a full disk"
            refused.problem(503, "database_unavailable")
            assert world.service.get(backend)["id"] == backend, "a read failed"
        os.remove(f"{SMALL}/filler")
        until("a write works again", lambda: world.service.call("POST", "", body).status == 201, 20)
        assert world.service.test(backend)["success"] is True
        for one in world.service.call("GET", "").data:
            world.service.call("DELETE", f"/{one['id']}?force=true")
    finally:
        world.service.stop()
        syscalls.umount(SMALL)


def twenty_race(world):
    """Tests, changes and deletes of one backend at once: each has an answer, and one consistent state is left."""
    fault.watched(world)
    exports = [IMAGES, "/srv/exp/second", "/srv/exp/many"]
    before = fault.resources(world)
    for doomed in (False, True):
        backend = fault.registered(world, f"raced {doomed}", "vers=4.1")
        racers = []
        for number in range(20):
            if doomed and number == 12:
                racers.append(Later(world.service.call, "DELETE", f"/{backend}"))
            elif number % 4 == 1:
                change = {"config": {"export_path": exports[number // 4 % 3]}}
                racers.append(Later(world.service.call, "PATCH", f"/{backend}", change))
            else:
                racers.append(Later(world.service.call, "POST", f"/{backend}/test"))
        codes = sorted(racer.result().status for racer in racers)
        assert set(codes) <= {200, 404, 409}, f"answers: {codes}"
        print(f"# twenty race, {'with' if doomed else 'without'} a delete: {codes}", flush=True)
        if doomed:
            assert world.service.call("GET", f"/{backend}").status == 404
            until("no mount is left", lambda: not world.service.mounts(backend), 20)
        else:
            checks.passed(world.service.test(backend))
            layer = checks.mounted(world, backend, "4.1", SERVER)
            wanted = world.service.get(backend)["config"]["export_path"]
            assert layer.source.endswith(wanted), f"{layer.source} is mounted, {wanted} is configured"
            world.service.call("DELETE", f"/{backend}")
    fault.none_leaked(world, before)


CASES = [names_gone, rpcbind_gone, disk_full, twenty_race]
