"""The parts put together to one API server."""
