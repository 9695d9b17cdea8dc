"""Things and stuff of one image: merged with a record, scored, and why each segment is what it is."""
