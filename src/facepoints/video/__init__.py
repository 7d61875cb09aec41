"""Frames of videos, cameras and image sequences, read and written."""
