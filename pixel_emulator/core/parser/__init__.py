"""The parser of scenario files: from plain data to scenarios, with the location of every issue."""
