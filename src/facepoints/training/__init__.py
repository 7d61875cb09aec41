"""Training: settings, missing labels, augmentation, losses, the training loop."""
