"""Measurements, each against a ceiling of the same run: `make bench` (docs/benchmarks.md)."""
