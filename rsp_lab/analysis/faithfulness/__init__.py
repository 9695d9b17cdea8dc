"""Is a map true to the model? Deletion and insertion curves with controls."""
