"""Configurations of runs: recipes are functions that return them."""
