"""Any network with its gates held at one input's values: affine in a cut, so that its parts add up."""
