"""podrole: how a Kubernetes pod gets an AWS identity, real and explained on one machine."""

__version__ = "0.2.0"
