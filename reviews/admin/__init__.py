"""The human reader in the admin: ledgers to look at, protocols to set, label sets to freeze and to train from.

Readers are never staff, so what stands here reaches nobody who has yet to read.
"""

from reviews.admin import eligibility, label_sets, machine, plans, protocols, readings

__all__ = ["eligibility", "label_sets", "machine", "plans", "protocols", "readings"]
