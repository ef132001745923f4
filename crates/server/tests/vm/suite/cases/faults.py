"""Each fault, with all that is asked of the service meanwhile; see matrix.py.

A full disk has one kind of mount only: how long the kernel waits for an NFS server has nothing to do with this host's disk.
`make test` has each fault with soft mounts, and the one at which the two kinds differ most with hard mounts and with a
restart.
"""

from .. import faults, matrix

_NFS = (faults.CUT, faults.SLOW, faults.KILLED, faults.REVOKED, faults.NAMES_GONE, faults.RPCBIND_GONE)
_ALL = [*matrix.cases(*_NFS), *matrix.cases(faults.DISK_FULL, kinds=("soft",))]
_MORE = {"link_cut_hard", "link_cut_hard_restart"}

CASES = [case for case in _ALL if case.__name__.endswith("_soft") or case.__name__ in _MORE]
SOAK = [case for case in _ALL if case not in CASES]
