"""What is explained: pixels, regions, borders."""
