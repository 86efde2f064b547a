from django.apps import AppConfig


class AccountsConfig(AppConfig):
    name = "mriplatform.accounts"
    label = "accounts"
