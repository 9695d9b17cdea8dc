"""Page Context flow: both photographs under one cursor, the relation grids, and what each step passes down."""
