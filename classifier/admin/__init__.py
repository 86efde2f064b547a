"""The machine reader in the admin: records to look at, and the few actions an engineer or an approver may take."""

from classifier.admin import gate, promotions, records, training_runs, versions

__all__ = ["gate", "promotions", "records", "training_runs", "versions"]
