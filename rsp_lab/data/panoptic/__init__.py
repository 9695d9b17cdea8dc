"""Panoptic data: categories, segment maps in COCO's layout, data sets of things and stuff."""
