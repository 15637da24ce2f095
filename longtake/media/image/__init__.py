"""Single pictures: frames, stills, contact sheets."""
