"""The work of each command of the command line: files in, files out."""
