"""The whole service as `make up` runs it, driven as its users would."""
