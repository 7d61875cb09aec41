"""Faces followed through a video, with smooth landmarks."""
