from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('classifier', '0006_prediction_without_class'),
    ]

    operations = [
        migrations.AddField(
            model_name='image',
            name='plane',
            field=models.CharField(blank=True, choices=[('axial', 'Axial'), ('coronal', 'Coronal'), ('sagittal', 'Sagittal')], max_length=8),
        ),
        migrations.AddField(
            model_name='study',
            name='dataset',
            field=models.CharField(blank=True, max_length=120),
        ),
    ]
