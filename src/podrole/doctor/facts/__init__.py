"""What is known when the links are checked: one module for each subject, each fact complete when it is built."""
