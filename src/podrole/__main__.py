"""``python -m podrole`` is the ``podrole`` command."""

from podrole.cli import main

if __name__ == "__main__":
    main()
