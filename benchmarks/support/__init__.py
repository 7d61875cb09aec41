"""What the benchmarks share: the peers, the held-out faces, how answers are measured."""
