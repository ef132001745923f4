"""The disk of the database is full.

There is one kind of mount only: how long the kernel waits for an NFS server has nothing to do with this host's disk.
"""

from .. import faults, matrix

CASES = matrix.cases(faults.DISK_FULL, kinds=("soft",))
