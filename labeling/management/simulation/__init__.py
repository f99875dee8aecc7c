"""Simulated annotators: real socket clients with think time, mistakes and opinions."""
