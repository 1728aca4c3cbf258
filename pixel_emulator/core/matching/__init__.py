"""Compare expected values with actual ones: matchers, variables, and the paths that differ."""
