"""Procedural street scenes in Cityscapes' classes, with planted regions whose deciding context is known."""
