"""Events to be delivered to integrators: rows in the transaction that they tell of, delivery after.

Who may hear of what is decided above, by whoever registers an audience (see `audience.py`); nobody hears anything
where nobody does.
"""
