"""Data sets, images and labels; paths in, samples out."""
