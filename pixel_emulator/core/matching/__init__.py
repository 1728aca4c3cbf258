"""Wanted values against sent ones: matchers, variables, and where they differ."""
