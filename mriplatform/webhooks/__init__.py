"""The doors of webhooks: who may have one, for what, and what became of what was sent to it."""
