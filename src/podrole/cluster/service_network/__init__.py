"""Services in pods of containers: their names by DNS, and their addresses by a TCP proxy, on the pods' own bridge."""
