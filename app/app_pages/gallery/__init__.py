"""Page Gallery: what scans of data sets found, as cards that lead to one decision each."""
