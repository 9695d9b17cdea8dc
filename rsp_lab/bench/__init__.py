"""Measurements of speed and memory: every figure of a table is taken in one run, in turns."""
