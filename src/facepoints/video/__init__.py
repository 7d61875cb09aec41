"""Reads frames of videos, cameras and image sequences, and writes videos."""
