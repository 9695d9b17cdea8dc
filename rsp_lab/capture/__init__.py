"""Captured and edited tensors of any network, by tap or module path."""
