"""Shared by the benchmarks: options, peers, held-out faces, matching, errors, tables."""
