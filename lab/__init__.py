"""Hosts to run the whole of breakwater on one machine: guests, network, Kubernetes, bundle, stand-ins."""
