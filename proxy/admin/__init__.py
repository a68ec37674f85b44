"""The HTTP face for the operator: metrics and health."""
