"""The export is taken back, and later given again."""

from .. import faults, matrix

CASES = matrix.cases(faults.REVOKED)
