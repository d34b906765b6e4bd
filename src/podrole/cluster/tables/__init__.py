"""Lists as kubectl prints them: the server makes the table.

https://kubernetes.io/docs/reference/using-api/api-concepts/#receiving-resources-as-tables
"""
