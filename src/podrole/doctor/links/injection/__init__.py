"""Link 2: the webhook is called for the pods, and the pods have what it injects."""
