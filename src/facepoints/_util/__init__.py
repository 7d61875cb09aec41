"""Helpers that know nothing of faces: files, console, progress, text, angles."""
