"""The links of the chain on files: manifests, policies, Terraform plans and CloudFormation templates."""
