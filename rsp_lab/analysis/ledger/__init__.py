"""Exact contributions of levels and cells to a margin, from the frozen head."""
