"""One module a group."""
