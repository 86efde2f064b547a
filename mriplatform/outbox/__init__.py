"""Events to be delivered to integrators: rows first, delivery after. Webhooks will live here; nothing publishes yet."""
