"""The user's named connections, and their keys."""
