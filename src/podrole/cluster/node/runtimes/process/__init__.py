"""Runs each container as a process of this machine."""
