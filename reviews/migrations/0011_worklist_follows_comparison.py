from django.db import migrations

# An answer may be there already when it becomes the image's own: what was asked for comparison takes the place of an
# answer that failed, and its status does not change then.
FOLLOW = """
DROP TRIGGER worklist_follows_answer ON classifier_prediction;
CREATE TRIGGER worklist_follows_answer AFTER INSERT OR UPDATE OF status, for_comparison ON classifier_prediction
    FOR EACH ROW WHEN (NEW.status = 'succeeded' AND NOT NEW.for_comparison)
    EXECUTE FUNCTION reviews_worklist_entry_follows();
SELECT reviews_keep_worklist_entry(image_id) FROM classifier_prediction answer
    WHERE status = 'succeeded' AND NOT for_comparison
      AND NOT EXISTS (SELECT FROM reviews_worklistentry entry WHERE entry.image_id = answer.image_id);
"""

FORGET = """
DROP TRIGGER worklist_follows_answer ON classifier_prediction;
CREATE TRIGGER worklist_follows_answer AFTER INSERT OR UPDATE OF status ON classifier_prediction
    FOR EACH ROW WHEN (NEW.status = 'succeeded' AND NOT NEW.for_comparison)
    EXECUTE FUNCTION reviews_worklist_entry_follows();
"""


class Migration(migrations.Migration):

    dependencies = [
        ('reviews', '0010_figure_request'),
    ]

    operations = [migrations.RunSQL(FOLLOW, FORGET)]
