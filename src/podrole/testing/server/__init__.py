"""The process of a test's world: it runs the world and does what the test process asks. Nothing here is imported by
the test process."""
