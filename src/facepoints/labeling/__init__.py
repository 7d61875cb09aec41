"""Labels made by a person: points placed by a model, mended with a few moves, saved at once."""
