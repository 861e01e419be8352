"""What rules and statistics find in a text without a language model."""
