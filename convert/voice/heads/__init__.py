"""Linear heads that read an emotion from the features of a clip, and the protocols that test them."""
