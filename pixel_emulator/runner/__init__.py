"""Door: scenarios that act: their steps, what they do, and the wait for their calls."""
