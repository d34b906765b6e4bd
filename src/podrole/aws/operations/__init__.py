"""The operations that podrole serves itself, one module for each service; moto serves all others."""
