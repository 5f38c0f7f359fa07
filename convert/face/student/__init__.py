"""The student of faces: trained on FER2013, FER+ and web portraits together."""
