"""Expectations against calls: claims, counts, order, policies, and what came close."""
