from importlib import import_module

from django.db import migrations

# An image's answer may be replaced by another version's as long as nobody has begun to read the image. Its row then
# tells of the new answer: in what order the image comes, and whether it stands on the list of those without a class.
KEPT = ('protocol_id', 'readers', 'places', 'closed_to', 'visible', 'known', 'open')
OF_ANSWER = ('aside', 'entropy', 'margin', 'tumour')


def _keep(columns):
    """The function that keeps a row, as migration 0017 left it, with the columns that follow what changed."""
    before = import_module('reviews.migrations.0017_worklist_follows_sent_back').KEEP
    was, now = (', '.join(f'{row}.{column}' for column in columns) for row in ('entry', 'excluded'))
    sets = ', '.join(f'{column} = excluded.{column}' for column in columns)
    return (
        f'{before[:before.index("ON CONFLICT")]}ON CONFLICT (image_id) DO UPDATE SET {sets}\n'
        f'WHERE ({was}) IS DISTINCT FROM ({now})\n$$;'
    )


class Migration(migrations.Migration):

    dependencies = [
        ('reviews', '0017_worklist_follows_sent_back'),
    ]

    operations = [migrations.RunSQL(_keep(KEPT + OF_ANSWER), _keep(KEPT))]
