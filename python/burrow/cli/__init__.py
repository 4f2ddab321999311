"""The `burrow` command."""
