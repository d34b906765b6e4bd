"""The controllers: each watches a few kinds of object and brings the cluster to what they ask for.

A controller is a client of the API and keeps nothing that it could not read again.
"""
