"""Page Change: what a change of the picture did to both models."""
