"""``python -m facepoints``: the command line."""

from facepoints.cli import main

if __name__ == "__main__":
    main()
