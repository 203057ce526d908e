"""Measurements that are run by hand, and stand in docs/measurements.md."""
