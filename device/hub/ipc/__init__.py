"""The hub's side of the contract with `sense`."""
