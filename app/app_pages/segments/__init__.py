"""Page Segments: things and stuff of panoptic models, why each segment is what it is, and what changed."""
