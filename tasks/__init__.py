"""What shall be true, one file a part."""
