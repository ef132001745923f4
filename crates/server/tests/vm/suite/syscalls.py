"""The system calls that Python 3.11 has no wrapper for. A program for each would cost 0.1 s of emulation."""

import ctypes
import os

CLONE_NEWNS = 0x00020000
CLONE_NEWNET = 0x40000000
MS_BIND = 0x1000
MS_REC = 0x4000
MS_PRIVATE = 1 << 18
MNT_DETACH = 2
CAP_SYS_ADMIN = 21
PR_CAPBSET_DROP = 24
SYS_PIVOT_ROOT = 155  # x86-64

_libc = ctypes.CDLL(None, use_errno=True)


def _check(result, what):
    if result != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")


def unshare(flags):
    _check(_libc.unshare(flags), "unshare")


def setns(fd, kind):
    _check(_libc.setns(fd, kind), "setns")


def mount(source, target, fstype=None, flags=0, data=None):
    encoded = [None if v is None else os.fsencode(v) for v in (source, target, fstype)]
    _check(
        _libc.mount(*encoded, ctypes.c_ulong(flags), None if data is None else os.fsencode(data)),
        f"mount {target}",
    )


def umount(target, flags=0):
    _check(_libc.umount2(os.fsencode(target), flags), f"umount {target}")


def pivot_root(new, old):
    _check(_libc.syscall(SYS_PIVOT_ROOT, os.fsencode(new), os.fsencode(old)), "pivot_root")


def private_mounts():
    """A mount namespace whose changes nobody else sees."""
    unshare(CLONE_NEWNS)
    mount("none", "/", None, MS_REC | MS_PRIVATE)


def drop_sys_admin():
    """After the next exec even root has no CAP_SYS_ADMIN: the bounding set limits what exec grants."""
    _check(_libc.prctl(PR_CAPBSET_DROP, CAP_SYS_ADMIN, 0, 0, 0), "prctl")
