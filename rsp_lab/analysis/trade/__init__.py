"""What classes take from each other, over a data set."""
