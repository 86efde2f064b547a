"""Which images show the same thing: near-duplicates share a cluster, across collections and mirrored too."""

from uuid import UUID

from django.db import connection

from classifier.models import Image
from ml.duplicates import NEAR_DUPLICATE_BITS
from mriplatform.identifiers import uuid7

# Serialises cluster decisions, so that two near-duplicates uploaded at once do not each start a cluster of their own.
_CLUSTER_LOCK = 0x6D7269_636C  # "mri cl"


def to_signed(value: int) -> int:
    """A 64-bit unsigned hash as the signed number that Postgres keeps."""
    return value - (1 << 64) if value >= 1 << 63 else value


def lock_clusters() -> None:
    """Wait until nobody else stores images, and keep the others waiting until this transaction ends.

    Whoever also looks for a study to join, or locks images or a study, takes this first: in one order, nobody waits for
    one who waits for them.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_CLUSTER_LOCK])


def assign_cluster(*, phash: int, phash_mirrored: int) -> UUID:
    """The cluster of an image with these perceptual hashes; clusters that it bridges become one.

    To be called inside the transaction that stores the image. Both arguments are signed 64-bit numbers.
    """
    lock_clusters()
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT DISTINCT cluster FROM classifier_image
            WHERE bit_count((phash # %s)::bit(64)) <= %s OR bit_count((phash # %s)::bit(64)) <= %s
            ORDER BY cluster
            """,
            [phash, NEAR_DUPLICATE_BITS, phash_mirrored, NEAR_DUPLICATE_BITS],
        )
        found: list[UUID] = [row[0] for row in cursor.fetchall()]
    if not found:
        return uuid7()
    if len(found) > 1:
        Image.objects.filter(cluster__in=found[1:]).update(cluster=found[0])
    return found[0]
