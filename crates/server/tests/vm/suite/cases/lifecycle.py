"""Busy mounts, crashes and restarts, races, a service that may not mount, and the commands without a service."""

import json
import os
import shutil
import socket
import subprocess
import tempfile

from .. import checks, syscalls
from ..netns import SERVER, SERVER_MAC, ip
from ..service import BASE, BINARY, PORT, Later, Service, until
from ..world import DEFAULT_EXPORTS, IMAGES
from . import stuck

# No host has it.
NOBODY = "10.9.0.99"


def _online(world, name, export=IMAGES):
    backend = world.service.register(name, SERVER, export)
    checks.passed(world.service.test(backend))
    return backend, checks.mounted(world, backend, "4.1", SERVER)


def delete_while_a_file_is_open(world):
    backend, layer = _online(world, "busy")
    with open(f"{layer.point}/a.iso", "rb") as file:
        refused = world.service.call("DELETE", f"/{backend}")
        refused.problem(409, "backend_busy")
        holder = {"pid": os.getpid(), "command": checks.comm(os.getpid())}
        assert refused.body["holders"] == [holder], refused.body
        assert str(holder["pid"]) in refused.body["detail"] and layer.point not in refused.body["detail"], refused.body
        assert len(world.service.mounts(backend)) == 1, "gone although it was busy"
        assert world.service.get(backend)["id"] == backend
        answer = world.service.call("DELETE", f"/{backend}?force=true")
        assert answer.data["id"] == backend, answer.body
        assert not world.service.mounts(backend), "still mounted after force"
        assert file.read(3) == b"xxx", "the open file broke"


def another_process_deletes_and_changes(world):
    """Two on one database, each with mounts of its own: what one takes away or changes, the other does not keep."""
    other = Service(f"{BASE}-other", PORT + 2)
    os.makedirs(f"{other.base}/state", mode=0o700, exist_ok=True)
    shutil.copy(f"{BASE}/state/secret.key", f"{other.base}/state/secret.key")
    deleted, _ = _online(world, "deleted")
    changed, _ = _online(world, "changed")
    kept, _ = _online(world, "kept")
    other.start(watch="2s", database=world.service.state)
    try:
        until("the other mounts what is online", lambda: len(other.mounts()) == 3, 30)
        world.service.call("DELETE", f"/{deleted}")
        config = {"export_path": "/srv/exp/second"}
        assert world.service.call("PATCH", f"/{changed}", {"config": config}).status == 200
        until("the deleted one's mount is gone", lambda: not other.mounts(deleted), 30)
        until("the changed one's mount is gone", lambda: not other.mounts(changed), 30)
        checks.passed(world.service.test(changed))
        wanted = [f"{SERVER}:/srv/exp/second"]
        until("the new config is mounted", lambda: [m.source for m in other.mounts(changed)] == wanted, 30)
        assert len(other.mounts(kept)) == 1, "a mount that is wanted is gone"
        for backend in (changed, kept):
            world.service.call("DELETE", f"/{backend}")
        until("no mount of the other is left", lambda: not other.mounts(), 30)
    finally:
        assert other.stop() == 0


def the_options_in_force_are_told(world):
    """As the kernel has them, and what they mean where the server is gone."""
    backend = world.service.register("told", SERVER, IMAGES)
    result = world.service.test(backend)
    told, layer = result["mount"], checks.mounted(world, backend, "4.1", SERVER)
    assert (told["source"], told["version"], told["read_write"]) == (layer.source, "4.1", False), told
    assert {"ro", "nosuid", "softerr", "timeo=50", "retrans=2", "nosharecache"} <= set(told["options"]), told
    assert told["gives_up_after_ms"] == 15000 and "warnings" not in result, result
    config = {"server": SERVER, "export_path": IMAGES, "mount_options": "vers=4.1,hard"}
    created = world.service.call("POST", "", {"name": "patient", "type": "nfs", "config": config})
    assert created.status == 201 and "without a time limit" in created.body["warnings"][0], created.body
    result = world.service.test(created.data["id"])
    assert result["mount"]["gives_up_after_ms"] is None, result["mount"]
    assert result["warnings"] == created.body["warnings"], result


def _closed(world, mount_dir, user=0):
    """Unmounted behind the service's back, its mount point takes nothing in, not even from the service's own user."""
    backend, layer = _online(world, f"closed {user}")
    syscalls.umount(layer.point)
    writer = os.fork()
    if writer == 0:
        try:
            os.setgid(user)
            os.setuid(user)
            open(f"{layer.point}/lost.iso", "w").close()
        except PermissionError:
            os._exit(7)
        os._exit(1)
    assert os.waitstatus_to_exitcode(os.waitpid(writer, 0)[1]) == 7, f"user {user} wrote into the mount point"
    checks.passed(world.service.test(backend))
    assert world.service.call("DELETE", f"/{backend}").status == 200
    assert not os.listdir(mount_dir), "the mount point is left"


def an_unmounted_mount_point_is_closed_to_root(world):
    stuck.disk()
    world.service.stop()
    world.service.start(mount_dir=f"{stuck.DISK}/mounts")
    _closed(world, f"{stuck.DISK}/mounts")
    world.service.stop()


def an_unmounted_mount_point_is_closed_to_its_user(world):
    user, home = 10001, f"{BASE}/own"
    world.service.stop()
    os.makedirs(home, exist_ok=True)
    os.chown(home, user, user)
    caps = ["--inh-caps=-all,+sys_admin", "--ambient-caps=-all,+sys_admin", "--bounding-set=-all,+sys_admin"]
    through = ["setpriv", f"--reuid={user}", f"--regid={user}", "--clear-groups", *caps]
    world.service.start(mount_dir=f"{home}/mounts", state=home, through=through)
    _closed(world, f"{home}/mounts", user)
    world.service.stop()


def a_mount_point_that_is_not_empty(world):
    """It is an error that says what to do, and what lies in it stays."""
    backend = world.service.register("covered", SERVER, IMAGES)
    point = f"{world.service.mount_dir}/{backend}"
    os.makedirs(point, exist_ok=True)
    with open(f"{point}/precious.iso", "w") as file:
        file.write("x")
    result = world.service.test(backend)
    checks.failed(result, "mount")
    assert "not empty" in result["message"] and world.service.mount_dir not in result["message"], result["message"]
    assert not world.service.mounts(backend) and os.listdir(point) == ["precious.iso"]
    os.remove(f"{point}/precious.iso")
    checks.passed(world.service.test(backend))
    checks.mounted(world, backend, "4.1", SERVER)


def eight_tests_one_layer(world):
    backend = world.service.register("raced", SERVER, IMAGES)
    racers = [Later(world.service.test, backend) for _ in range(8)]
    for racer in racers:
        checks.passed(racer.result())
    checks.mounted(world, backend, "4.1", SERVER)


def test_again_keeps_the_layer(world):
    backend, layer = _online(world, "again")
    with checks.kept(world, backend, layer):
        checks.passed(world.service.test(backend))


def unmounted_behind_the_back(world):
    backend, layer = _online(world, "robbed")
    syscalls.umount(layer.point)
    checks.passed(world.service.test(backend))
    checks.mounted(world, backend, "4.1", SERVER)


def _recovers(world, backend):
    """A test passes again: the first one, or the one after it where the first only cleared up."""
    result = world.service.test(backend)
    if result["success"] is not True:
        result = world.service.test(backend)
    checks.passed(result)
    checks.mounted(world, backend, "4.1", SERVER)


def unexported_under_the_mount(world):
    """The server takes the export back, later gives it again: failed, then well, without anybody's help."""
    backend, _ = _online(world, "withdrawn", "/srv/exp/second")
    world.server.export({IMAGES: "*"})
    result = world.service.test(backend)
    assert result["success"] is False, result["checks"]
    checks.status(world, backend, "error")
    world.server.export(DEFAULT_EXPORTS)
    _recovers(world, backend)


def replaced_under_the_mount(world):
    """Every handle of the old mount is stale: only a new mount helps."""
    backend, _ = _online(world, "stale", "/srv/exp/with space")
    world.server.replace("/srv/exp/with space")
    world.server.write("/srv/exp/with space/new.iso")
    _recovers(world, backend)
    checks.measured(world, backend, "/srv/exp/with space", 1, 1)


def client_hangs_up(world):
    """Nobody waits for the answer: either the mount is there and whole, or it is not there."""
    backend = world.service.register("lonely", SERVER, IMAGES)
    with socket.create_connection(("127.0.0.1", PORT)) as client:
        head = f"POST /api/v1/storage/backends/{backend}/test HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n"
        client.sendall(head.encode())
    checks.passed(world.service.test(backend))
    checks.mounted(world, backend, "4.1", SERVER)


def killed_and_restarted(world):
    """What a killed service left is adopted where it is still wanted, and unmounted where it is not."""
    kept, layer = _online(world, "kept")
    deleted, _ = _online(world, "deleted", "/srv/exp/second")
    changed, _ = _online(world, "changed", "/srv/exp/with space")
    folder = world.service.mount_dir
    with checks.kept(world, kept, layer):
        world.service.kill()
        # A second instance on the same database, which knows nothing of the first one's mounts, changes the records.
        world.service.start(mount_dir=f"{BASE}/elsewhere")
        assert world.service.call("DELETE", f"/{deleted}").status == 200
        body = {"config": {"export_path": "/srv/exp/many"}}
        assert world.service.call("PATCH", f"/{changed}", body).status == 200
        world.service.kill()
        world.service.start(mount_dir=folder)
        until("mounts of deleted backends are unmounted", lambda: not world.service.mounts(deleted), 30)
        until("mounts of changed backends are unmounted", lambda: not world.service.mounts(changed), 30)
        checks.passed(world.service.test(kept))
    checks.measured(world, kept, IMAGES, *world.images)


def a_resolved_path_is_adopted(world):
    """The server resolves a symbolic link, so that the table of mounts shows another path than was asked for."""
    folder, link = world.server.path("/srv/exp/second/there"), world.server.path("/srv/exp/second/link")
    world.server.write("/srv/exp/second/there/a.iso")
    os.symlink("there", link)
    try:
        backend, layer = _online(world, "linked", "/srv/exp/second/link")
        assert layer.source == f"{SERVER}:/srv/exp/second/there", layer
        with checks.kept(world, backend, layer):
            world.service.kill()
            world.service.start()
            result = world.service.test(backend)
            assert "lready mounted" in str(result["checks"]), result["checks"]
        assert "the server calls it /srv/exp/second/there" in result["message"], result["message"]
        point = layer.point
        assert world.service.call("DELETE", f"/{backend}").status == 200
        left = [name for name in os.listdir(os.path.dirname(point)) if backend in name]
        assert not left, f"left in the mount directory: {left}"
    finally:
        os.remove(link)
        shutil.rmtree(folder)


def a_referral_is_refused_unless_it_is_the_same_server(world):
    """Versions 4.1 and later find out that another address is the same server's, and show the known one (RFC 8881, 2.10.5)."""
    other = "10.9.0.7"
    ip(f"addr add {other}/24 dev vs", host=world.server)
    ip(f"neigh replace {other} dev vc nud permanent lladdr {SERVER_MAC}")
    try:
        kept, _ = _online(world, "kept")
        world.server.export({IMAGES: "*"}, apply=False)
        with open(world.server.path("/etc/exports"), "a") as file:
            file.write(f"/srv/exp/second *(ro,fsid=11,refer={IMAGES}@{other},insecure,no_subtree_check)\n")
        world.server.run("exportfs", "-ra")
        register = world.service.register
        referred = {version: register(version, SERVER, "/srv/exp/second", f"vers={version}") for version in ("4.2", "4.0")}
        result = world.service.test(referred["4.2"])
        assert result["success"] is True and f"the server calls it {IMAGES}" in result["message"], result
        result = world.service.test(referred["4.0"])
        checks.failed(result, "mount")
        assert f"another server, {other}:{IMAGES} at {other}" in result["message"], result["message"]
        assert not world.service.mounts(referred["4.0"])
        asked = world.service.register("asked", other, IMAGES, "vers=4.1")
        checks.passed(world.service.test(asked))
        layer = checks.mounted(world, asked, "4.1", SERVER)
        assert layer.source == f"{other}:{IMAGES}", layer
        checks.passed(world.service.test(asked))
        for backend in (kept, asked, *referred.values()):
            assert world.service.call("DELETE", f"/{backend}").status == 200
    finally:
        world.server.export(DEFAULT_EXPORTS)
        ip(f"addr del {other}/24 dev vs", host=world.server)
        ip(f"neigh del {other} dev vc")


def options_in_any_form_are_adopted(world):
    """The kernel shows many options in another way than they were given, or not at all."""
    forms = [
        "vers=4.1,port=2049,lookupcache=all",
        "vers=4.2,lookupcache=positive,timeo=050,retrans=03",
        "vers=4.0,timeo=2147483647,nconnect=2",
        "vers=4.1,nconnect=4,nocto,cto,noac,ac",
        "vers=3,port=2049,timeo=9000,cto,nocto,nordirplus,rdirplus,lookupcache=pos",
        "vers=3,lookupcache=none,noresvport,resvport,noac,nordirplus",
    ]
    backends = [world.service.register(f"form {i}", SERVER, IMAGES, form) for i, form in enumerate(forms)]
    held, layers = [], []
    for backend in backends:
        checks.passed(world.service.test(backend))
        layers.append(world.service.mounts(backend)[0])
        held.append(os.open(layers[-1].point, os.O_PATH))
    world.service.kill()
    world.service.start()
    after = [world.service.mounts(backend) for backend in backends]
    for fd in held:
        os.close(fd)
    for form, before, now in zip(forms, layers, after):
        assert [m.id for m in now] == [before.id], f"{form}: {before} became {now}"
    for backend in backends:
        assert "lready mounted" in str(world.service.test(backend)["checks"]), backend


def version_3_on_another_port(world):
    """Only version 3 asks the server for its port: the refusal of version 4's must not end it."""
    world.server.halt()
    world.server.run("rpc.nfsd", "--port", "2050", "-N", "4", "4")
    try:
        backend = world.service.register("elsewhere", SERVER, IMAGES, None)
        checks.passed(world.service.test(backend))
        checks.mounted(world, backend, "3", SERVER)
        assert world.service.call("DELETE", f"/{backend}").status == 200
    finally:
        world.server.halt()
        world.server.serve("-V", "4")


def killed_in_the_middle_of_a_test(world):
    backend = world.service.register("torn", SERVER, IMAGES)
    world.link.slow(150)
    asked = Later(world.service.test, backend)
    until("a helper is at work", lambda: checks.helpers(world), 20)
    world.service.kill()
    try:
        asked.result(20)
    except (OSError, ValueError, AssertionError):
        pass
    world.link.heal()
    world.service.start()
    checks.passed(world.service.test(backend))
    checks.mounted(world, backend, "4.1", SERVER)


def graceful_stop(world):
    backend, _ = _online(world, "stopped")
    assert world.service.stop() == 0, "status of a drained stop"
    world.service.start()
    checks.passed(world.service.test(backend))
    checks.mounted(world, backend, "4.1", SERVER)


def without_the_right_to_mount(world):
    world.service.stop()
    world.service.start(prepare=syscalls.drop_sys_admin)
    backend = world.service.register("powerless", SERVER, IMAGES)
    result = world.service.test(backend)
    found = checks.outcomes(result)
    assert found.get("exports") == "passed", result["checks"]
    assert found.get("mount") == "skipped", result["checks"]
    assert next(c["detail"] for c in result["checks"] if c["name"] == "mount"), "no reason"
    assert not world.service.mounts(), "mounted after all"
    world.service.call("DELETE", f"/{backend}")
    world.service.stop()


def _command(*argv):
    return subprocess.run([BINARY, *argv], capture_output=True, text=True, timeout=100)


def command_scan(world):
    _, layer = _online(world, "scanned")
    done = _command("scan", "--json", layer.point)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    files, templates = world.images
    assert (found["files"], found["templates"]) == (files, templates), found


def command_probe(world):
    done = _command("probe", "nfs", "--server", SERVER, "--export-path", IMAGES, "--mount-options", "vers=4.1")
    assert done.returncode == 0, done.stdout + done.stderr
    done = _command("probe", "nfs", "--server", SERVER, "--export-path", "/srv/exp/nothing")
    assert done.returncode != 0, done.stdout
    with open("/proc/self/mountinfo") as lines:
        left = [line for line in lines if " - nfs" in line]
    assert not left, f"the probe left a mount: {left}"


def _conformance(options):
    """The suite that every backend passes, mounting for real."""
    own = tempfile.mkdtemp(dir="/var/lib")
    argv = [os.environ["PUREBOOT_CONFORMANCE_BIN"], SERVER, IMAGES, NOBODY, own, options]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=280)
    assert done.returncode == 0, done.stdout + done.stderr
    assert not os.listdir(own), "the suite left mount points"
    os.rmdir(own)


def conformance(world):
    _conformance("rw")


def conformance_3(world):
    _conformance("rw,vers=3")


def conformance_read_only(world):
    _conformance("ro")


CASES = [
    delete_while_a_file_is_open,
    the_options_in_force_are_told,
    an_unmounted_mount_point_is_closed_to_root,
    an_unmounted_mount_point_is_closed_to_its_user,
    a_mount_point_that_is_not_empty,
    eight_tests_one_layer,
    test_again_keeps_the_layer,
    unmounted_behind_the_back,
    unexported_under_the_mount,
    replaced_under_the_mount,
    client_hangs_up,
    killed_and_restarted,
    a_resolved_path_is_adopted,
    a_referral_is_refused_unless_it_is_the_same_server,
    options_in_any_form_are_adopted,
    version_3_on_another_port,
    killed_in_the_middle_of_a_test,
    another_process_deletes_and_changes,
    graceful_stop,
    without_the_right_to_mount,
    command_scan,
    command_probe,
    conformance,
    conformance_3,
    conformance_read_only,
]
