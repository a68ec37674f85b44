"""What is kept: the decision journal."""
