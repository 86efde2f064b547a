"""The manners that every endpoint shares: problem documents and cursor paging."""
