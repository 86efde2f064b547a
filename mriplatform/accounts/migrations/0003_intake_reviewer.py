from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('accounts', '0002_membership_seniority'),
    ]

    operations = [
        migrations.RemoveConstraint(
            model_name='membership',
            name='membership_role_known',
        ),
        migrations.AlterField(
            model_name='membership',
            name='role',
            field=models.CharField(choices=[('uploader', 'Uploader'), ('intake_reviewer', 'Intake reviewer'), ('radiologist', 'Radiologist'), ('adjudicator', 'Adjudicator'), ('ml_engineer', 'Machine-learning engineer'), ('approver', 'Approver'), ('auditor', 'Auditor'), ('admin', 'Administrator')], max_length=20),
        ),
        migrations.AddConstraint(
            model_name='membership',
            constraint=models.CheckConstraint(condition=models.Q(('role__in', ['uploader', 'intake_reviewer', 'radiologist', 'adjudicator', 'ml_engineer', 'approver', 'auditor', 'admin'])), name='membership_role_known'),
        ),
    ]
