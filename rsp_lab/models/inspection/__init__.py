"""Structure, data flow and cost of a built model."""
