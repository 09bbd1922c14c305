"""The sections of guards, one file each."""
