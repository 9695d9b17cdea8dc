"""Page Flips: regions where two models disagree, ranked, each with its story."""
