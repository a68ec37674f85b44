"""What is done with a call once it is known who is calling. Pure."""
