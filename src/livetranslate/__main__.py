"""``python -m livetranslate`` is the command line."""

from livetranslate.services.cli import main

if __name__ == "__main__":
    main()
