"""Input attribution by methods of captum."""
