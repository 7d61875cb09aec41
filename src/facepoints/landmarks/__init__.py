"""Named points: sets, conversions, mean shapes and error metrics."""
