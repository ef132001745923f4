"""The NFS server is gone, and its port resets connections; later it is there again."""

from .. import faults, matrix

CASES = matrix.cases(faults.KILLED)
