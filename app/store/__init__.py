"""Caches of models, passes and results, and the readers of run folders."""
