"""AWS's wire protocols: a request received and understood, its parameters, and how an answer is written."""
