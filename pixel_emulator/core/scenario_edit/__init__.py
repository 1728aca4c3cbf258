"""Scenarios that are written for a user, from what happened."""
