"""One page a file: the shared selection -> analysis -> draw."""
