"""Quantiles of the normal and of Student's distribution, so that nobody needs SciPy for an interval."""

from statistics import NormalDist
from typing import Final

Z: Final = NormalDist().inv_cdf(0.975)
"""Of a two-sided 95 % interval."""


def student(freedom: int) -> float:
    """Returns the 97.5 % quantile of Student's t with `freedom` degrees of freedom; infinite for none.

    Exact for one and two, else the expansion of Abramowitz & Stegun 26.7.5, which is right to 0.2 % from three on.
    """
    if freedom < 1:
        return float("inf")
    if freedom == 1:
        return 12.706204736
    if freedom == 2:
        return 4.302652730
    z, n = Z, float(freedom)
    return (
        z
        + (z**3 + z) / (4 * n)
        + (5 * z**5 + 16 * z**3 + 3 * z) / (96 * n**2)
        + (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / (384 * n**3)
        + (79 * z**9 + 776 * z**7 + 1482 * z**5 - 1920 * z**3 - 945 * z) / (92160 * n**4)
    )
