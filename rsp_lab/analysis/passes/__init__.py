"""One captured forward pass and what is read from it directly."""
