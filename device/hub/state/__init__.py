"""What is true now (the store, the snapshot, the features), and what can be asked (commands, profiles)."""
