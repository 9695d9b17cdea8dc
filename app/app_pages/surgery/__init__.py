"""Page Surgery: edited relation weights and what they change."""
