"""What every part of the cluster shares."""
