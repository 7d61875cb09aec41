"""Helpers without knowledge of faces: files, console, progress, text, angles."""
