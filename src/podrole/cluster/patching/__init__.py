"""Changing an object in part: JSON patch, merge patch, strategic merge patch, server-side apply."""
