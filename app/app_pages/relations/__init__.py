"""Page Relations: relation weights of the selected pixel, content and position apart."""
