"""Predictions as files: one record per image or frame, in the formats of `formats.FORMATS`."""

from facepoints.results.dataframe import to_dataframe
from facepoints.results.formats import read_faces, write_faces
from facepoints.results.records import FrameResult

__all__ = ["FrameResult", "read_faces", "to_dataframe", "write_faces"]
