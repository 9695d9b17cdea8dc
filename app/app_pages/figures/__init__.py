"""Page Figures: the figures of the paper for the selected image and models, to be downloaded."""
