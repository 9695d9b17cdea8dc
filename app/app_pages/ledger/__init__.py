"""Page Ledger: signed contributions of levels and cells that add up to the margin."""
