"""Bytes to text: encodings here, formats in a limited child process."""
