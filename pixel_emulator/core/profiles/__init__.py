"""Profiles: what the kept identify, alias and group calls say of each user."""
