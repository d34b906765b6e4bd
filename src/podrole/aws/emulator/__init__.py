"""moto, which gives the AWS services their behaviour, and all that is read from its state."""
