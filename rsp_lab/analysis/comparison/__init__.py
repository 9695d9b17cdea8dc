"""Two models on one image."""
