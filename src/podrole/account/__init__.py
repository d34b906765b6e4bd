"""What an AWS account holds that takes part in decisions."""
