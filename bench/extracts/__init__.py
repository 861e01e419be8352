"""What `bench/quality.py` compares: sets of documents with references, and ways to choose sentences from them."""
