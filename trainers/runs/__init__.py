"""Runs as wholes: one run, a study, repeats, export."""
