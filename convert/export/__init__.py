"""Int8 conversion and the model card."""
