"""What a file says about its size, checked before a decoder believes it."""
