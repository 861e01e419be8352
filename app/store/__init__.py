"""What is kept: runs, documents, calls, events, checkpoints."""
