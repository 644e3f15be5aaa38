"""The proofs: what is claimed of the system, checked from outside. `bin/prove` runs them."""
