"""Projects as runs of an MLflow tracking server: the extra ``mlflow``."""

from activessl_mlflow.send import Sent, send

__all__ = ["Sent", "send"]
