"""The machine's craft: data, networks, training, evaluation and the checkpoint. Knows no Django and no Celery."""
