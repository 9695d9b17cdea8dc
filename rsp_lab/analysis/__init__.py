"""Captured passes in, labelled results out."""
