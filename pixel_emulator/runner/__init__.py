"""Door: run the steps of scenarios and wait for their calls."""
