"""Edited relation weights and what they change."""
