"""The ways of running containers. The node knows them by a Protocol only."""
