"""Labeled faces: reading, cropping, splitting, combining, writing, rendering."""
