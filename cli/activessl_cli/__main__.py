"""``python -m activessl_cli``, and so ``torchrun -m activessl_cli``."""

from activessl_cli.main import main

main()
