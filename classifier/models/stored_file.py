from django.db import models
from django.db.models.functions import Now


class StoredFile(models.Model):
    """The bytes of one file, for the default storage: a worker on any host then needs nothing but the database."""

    name = models.CharField(primary_key=True, max_length=200)
    content = models.BinaryField()
    size = models.PositiveBigIntegerField()
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    def __str__(self) -> str:
        return self.name
