"""The one file that `mitmdump -s` takes, in a folder that may safely stand on the path."""
