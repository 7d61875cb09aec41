"""What is predicted at scale: lists, tar shards, Parquet files, folders and stores.

`list_parts` divides a source into numbered parts, the same way each time. `read_part` gives the
bytes of a part's pictures, and reads ahead. `stores` reads and writes files on local paths and on
any address that fsspec opens.
"""

from __future__ import annotations

from facepoints.sources.faults import AccessRefused, CredentialsError, MissingFile, StoreError
from facepoints.sources.listing import list_parts
from facepoints.sources.parts import Listing, Part, Picture
from facepoints.sources.reading import read_part
from facepoints.sources.suffixes import needs_parts

__all__ = [
    "AccessRefused",
    "CredentialsError",
    "Listing",
    "MissingFile",
    "Part",
    "Picture",
    "StoreError",
    "list_parts",
    "needs_parts",
    "read_part",
]
