"""What every case works with: the hosts, the link, the service; and the way back to a known state."""

import contextlib
import os
import subprocess
import sys

from . import mounts, netns, nfsd
from .service import BASE, PORT, Service, until

FAKES = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "fakes")
IMAGES = "/srv/exp/images"
# As many as the cases of a fault have.
TWIN_BACKENDS = 6
LARGE = "/srv/exp/large"
DEFAULT_EXPORTS = {IMAGES: "*", "/srv/exp/second": "*", "/srv/exp/with space": "*", "/srv/exp/many": "*"}


class World:
    def __init__(self):
        subprocess.run(["modprobe", "-a", "nfsd", "nfs", "nfsv3", "nfsv4", "veth", "sch_netem"], check=True)
        with open("/etc/hosts", "a") as file:
            file.write(f"{netns.SERVER} nas.test\n")
        self.server = nfsd.Server()
        self.half = netns.Host(netns.half_root)
        netns.become_client()
        netns.join(self.server, self.half)
        self.link = netns.Link()
        self.service, self._twin = Service(), None
        self.server.export(DEFAULT_EXPORTS, apply=False)
        self.server.start()

    def begin(self):
        """What a group finds: a service that has just begun, and the files below, whatever other groups did."""
        if self.service.running():
            self.service.kill()
        self.server.clear()
        self._fill()

    def _fill(self):
        """Trees with what a scan may trip over: links, pipes, odd names, names that only look like images."""
        write = self.server.write
        for name in ("a.iso", "sub/b.img", "sub/deep/er/c.qcow2", "sub/d.wim", "e.squashfs", "f.img.xz"):
            write(f"{IMAGES}/{name}", b"x" * 5000)
        for name in ("vmlinuz", "readme.txt", "notes.iso.txt", ".hidden", "sub/iso", "sub/new\nline", "sub/blank s"):
            write(f"{IMAGES}/{name}", b"y" * 300)
        root = self.server.path(IMAGES)
        open(os.fsencode(root) + b"/sub/not-utf8-\xff\xfe", "wb").close()
        os.symlink("a.iso", f"{root}/link.iso")
        os.symlink("/", f"{root}/sub/up")
        os.symlink("nowhere", f"{root}/dangling.img")
        os.mkfifo(f"{root}/pipe.iso")
        os.makedirs(f"{root}/empty")
        write("/srv/exp/second/one.iso")
        write("/srv/exp/second/two.txt")
        for number in range(3):
            write(f"/srv/exp/with space/{number}.iso")
        write("/srv/exp/im/only.iso")

    @property
    def images(self):
        """(files, templates) in the images export."""
        return self.server.files(IMAGES), 6

    def twin(self):
        """A second service with backends that it never touches: what slows its answers is this machine."""
        if self._twin is None:
            self._twin = Service(f"{BASE}-twin", PORT + 1)
            self._twin.start()
            for number in range(TWIN_BACKENDS):
                self._twin.register(f"twin {number}", netns.SERVER, IMAGES)
        return self._twin

    @contextlib.contextmanager
    def fake(self, program, *args):
        """A fake server on the third host, for as long as the block lasts."""
        argv = [sys.executable, f"{FAKES}/{program}", *args]
        told = dict(os.environ, FAKE_ADDRESS=netns.HALF)
        process = self.half.spawn(*argv, stdout=subprocess.PIPE, text=True, env=told)
        try:
            assert process.stdout.readline().strip() == "ready", f"{program} did not start"
            yield process
        finally:
            process.kill()
            process.wait(20)

    def reset(self):
        """Back to: link up, default exports, a running service without backends, mounts or helpers."""
        self.link.heal()
        if self.server.exports != DEFAULT_EXPORTS:
            self.server.export(DEFAULT_EXPORTS)
        if not self.service.running():
            self.service.start()
        listed = self.service.call("GET", "").data
        for backend in listed:
            self.service.call("DELETE", f"/{backend['id']}?force=true")
        until("no backend is left", lambda: not self.service.call("GET", "").data, 10)
        until("no mount is left", lambda: not self.service.mounts(), 20)
        until("no helper is left", lambda: not mounts.children(self.service.process.pid), 60)
