"""The node: runs the containers of pods as local processes, and says so.

There are no containers here. A process gets its pod's environment, files and directories and nothing from the shell
that started podrole; it has no file system, network or user of its own. ``docs/node.md`` has the rules.
"""
