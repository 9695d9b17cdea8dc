"""The relation operation, Eq. 1 to 3, as pure tensor functions."""
