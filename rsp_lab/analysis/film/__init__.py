"""One decision at the kept states of a training."""
