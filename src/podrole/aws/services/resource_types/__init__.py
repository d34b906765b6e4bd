"""The calls that CloudFormation makes for a resource of a template, by the resource's type.

What a stack needs of each service is asked before there is a stack (podrole.aws.services.cloudformation). These calls
are decided like direct ones of the stack's caller when the resource is made or changed, with the values that its
properties have by then. So they need what a direct call needs beside the actions of its own service (roles that are
passed, keys of KMS, objects that are read, what a launch template says), their documents are checked, and their
destinations are asked.

https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-template-resource-type-ref.html
"""
