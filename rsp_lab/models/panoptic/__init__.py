"""Networks of things and stuff: the pyramid with its semantic branch, and an instance branch beside it."""
