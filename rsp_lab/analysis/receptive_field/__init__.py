"""How far context reaches."""
