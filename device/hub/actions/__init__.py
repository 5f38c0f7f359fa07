"""Actions: lamps, players and services that rules drive."""
