"""The sound of a film: samples, loudness, AAC."""
