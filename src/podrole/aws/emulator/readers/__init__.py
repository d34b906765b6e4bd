"""One module for each service whose state takes part in decisions: how to find that state in moto.

Which service says what about its policies stands in ``podrole.aws.services``, under the same name.
"""
