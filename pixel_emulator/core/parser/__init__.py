"""The grammar of scenario files: from plain data to scenarios, with every mistake in its place."""
