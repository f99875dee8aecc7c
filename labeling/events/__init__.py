"""Typed events, published on commit. `types` is pure; `bus` delivers."""
