"""The chain checked on files: manifests, policies, Terraform plans and CloudFormation templates."""
