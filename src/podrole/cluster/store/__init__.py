"""Where the objects are: kept, counted, selected, watched."""
