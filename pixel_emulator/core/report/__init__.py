"""Reports on a verdict: text, JSON, JUnit XML."""
