"""A job that stores what it knows about its system: ``python job.py BUCKET NAME``."""

import platform
import sys

import boto3

boto3.client("s3").put_object(Bucket=sys.argv[1], Key=sys.argv[2], Body=platform.platform().encode())
print("stored", sys.argv[2])
