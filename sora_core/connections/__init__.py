"""Profiles in use: provider, HTTP, limits."""
