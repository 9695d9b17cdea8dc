"""Attention of any network in one form: where it looks, what that gives, and what changed weights would give."""
