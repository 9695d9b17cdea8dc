"""Checks of data sets, and sheets of augmented crops."""
