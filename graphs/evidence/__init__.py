"""What the sentences of a summary rest on."""
