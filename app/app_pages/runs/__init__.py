"""Page Runs: training curves and configurations."""
