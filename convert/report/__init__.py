"""docs/REPORT.md, the model card, section by section."""
