"""The training loop against a plain one, side by side."""
