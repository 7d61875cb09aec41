"""From an image to faces: cropping, the landmark model, the predictor."""
