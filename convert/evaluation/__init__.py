"""How far faces are found and followed, measured in made rooms."""
