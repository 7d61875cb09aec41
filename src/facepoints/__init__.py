"""facepoints: facial keypoints, from label files with holes in them to points you can trust."""

__version__ = "0.1.0"

__all__ = ["__version__"]
