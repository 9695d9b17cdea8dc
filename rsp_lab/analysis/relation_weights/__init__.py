"""What relation weights say: grids, gaze, key and query."""
