"""One container of a pod: started, probed, restarted, stopped; its log."""
