import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('accounts', '0002_membership_seniority'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
        ('classifier', '0008_gate'),
    ]

    operations = [
        migrations.AddField(
            model_name='trainingrun',
            name='cancel_requested_at',
            field=models.DateTimeField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name='trainingrun',
            name='cancelled_by',
            field=models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL),
        ),
        migrations.AddField(
            model_name='trainingrun',
            name='collection',
            field=models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='training_runs', to='accounts.collection'),
        ),
        migrations.AddField(
            model_name='trainingrun',
            name='log',
            field=models.JSONField(default=list),
        ),
        migrations.AddField(
            model_name='trainingrun',
            name='trigger',
            field=models.CharField(choices=[('person', 'A person'), ('schedule', 'The schedule'), ('labels', 'Enough new labels')], default='person', max_length=10),
        ),
        migrations.AlterField(
            model_name='trainingrun',
            name='status',
            field=models.CharField(choices=[('queued', 'In line'), ('running', 'Working'), ('succeeded', 'Finished'), ('failed', 'Failed'), ('cancelled', 'Cancelled')], default='queued', max_length=10),
        ),
        migrations.AddField(
            model_name='trainingrun',
            name='rule',
            field=models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='runs', to='classifier.gaterule'),
        ),
    ]
