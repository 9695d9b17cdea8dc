"""The networks of the paper, their presets and their weights files."""
