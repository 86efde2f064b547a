from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('classifier', '0005_prediction_unanswered'),
    ]

    operations = [
        migrations.AddIndex(
            model_name='prediction',
            index=models.Index(condition=models.Q(('for_comparison', False), ('not_assessable', True)), fields=['-id'], name='prediction_without_class'),
        ),
    ]
