"""Two models on one image as an interactive view: payload, module, hosts."""
