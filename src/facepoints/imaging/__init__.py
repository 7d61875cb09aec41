"""Images: reading, finding, geometry."""
