"""Procedural street scenes in Cityscapes' classes, with ambiguous regions whose deciding context is known."""
