"""What the readings say, as arithmetic on arrays: no rows, no Django, nothing but NumPy and `ml`'s light half.

`data` names the arrays, `whole` makes all figures of a collection from them. A figure that cannot be known is None,
never a zero; where it is an estimate it has its 95 % interval.
"""
