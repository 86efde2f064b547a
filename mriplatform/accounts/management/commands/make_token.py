"""Makes an API token from the command line."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from mriplatform.accounts.models import User
from mriplatform.accounts.scopes import Scope
from mriplatform.accounts.services import LONGEST_DAYS, make_token


class Command(BaseCommand):
    help = "Makes an API token for a user and prints it; it is kept nowhere and cannot be shown again."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("username")
        parser.add_argument("--name", default="command line", help="what the token is for")
        parser.add_argument(
            "--scope", action="append", choices=[scope.value for scope in Scope], default=[],
            help="what it may do; several times for several; without any, all that its user may",
        )  # fmt: skip
        parser.add_argument("--days", type=int, default=90, help=f"how long it works, 1 to {LONGEST_DAYS}")

    def handle(self, *args: Any, **options: Any) -> None:
        user = User.objects.filter(username=options["username"], is_active=True).first()
        if user is None:
            raise CommandError(f"There is no active user {options['username']!r}.")
        if not 1 <= options["days"] <= LONGEST_DAYS:
            raise CommandError(f"--days must lie between 1 and {LONGEST_DAYS}.")
        if not 1 <= len(options["name"]) <= 80:
            raise CommandError("--name must have 1 to 80 characters.")
        _, token = make_token(user=user, name=options["name"], days=options["days"], scopes=options["scope"])
        self.stdout.write(token)
