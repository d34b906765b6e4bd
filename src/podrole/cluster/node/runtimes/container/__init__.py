"""Containers of a container engine on this machine: Docker, or Podman through its Docker-compatible service."""
