from django.apps import AppConfig


class DemoConfig(AppConfig):
    name = "mriplatform.demo"
    label = "demo"
