"""Results drawn as matplotlib figures for print."""
