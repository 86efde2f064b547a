"""Who acts in the admin."""

from mriplatform.accounts.scoped_admin import staff_person

__all__ = ["staff_person"]
