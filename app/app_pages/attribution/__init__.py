"""Page Attribution: which pixels a decision rests on, by methods of captum, and whether the maps are faithful."""
