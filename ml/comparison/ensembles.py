"""Several models as one."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from ml.comparison.errors import ComparisonError

Floats = npt.NDArray[np.float64]


def ensemble(members: Sequence[npt.ArrayLike]) -> Floats:
    """Returns the mean probabilities (N, 4) of members (N, 4) each (Lakshminarayanan et al. 2017, section 2.4)."""
    if not members:
        raise ComparisonError("An ensemble needs at least one member.")
    arrays = [np.asarray(member, np.float64) for member in members]
    shapes = {array.shape for array in arrays}
    if len(shapes) > 1:
        raise ComparisonError(
            f"The members of an ensemble answered for different images: shapes {sorted(shapes)}."
        )
    return np.asarray(np.mean(arrays, axis=0))
