"""Upstreams that speak a vendor's wire, with faults by script. For tests only."""
