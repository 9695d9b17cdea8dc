"""Models on drawn scenes whose deciding pixels are known."""
