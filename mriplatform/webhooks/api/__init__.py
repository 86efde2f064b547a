"""Webhooks by the API: the same services as the pages."""
