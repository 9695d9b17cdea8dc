"""Page Film: one decision at the kept states of a training."""
