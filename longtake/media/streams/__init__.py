"""What a media file is and what it holds."""
