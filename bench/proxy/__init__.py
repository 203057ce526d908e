"""Envoy as a registry's proxy, against the registry itself and against nginx and haproxy."""
