"""Segment tracking pixels as a test double."""
