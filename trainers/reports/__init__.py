"""Model cards and the results page, written from run folders."""
