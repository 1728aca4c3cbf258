"""A verdict told to people and to programs: text, JSON, JUnit."""
