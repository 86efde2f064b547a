"""Whether whoever sent an archive may still send it: rights can be withdrawn while it waits or is worked on.

Then nobody sees it any more, its sender neither (`archives_of`); so whoever goes on with it has to ask.
"""

from typing import Final

from classifier.exceptions import UploadRefused
from classifier.models import Archive
from classifier.selectors.archives import rights_to_send, stored_so_far
from mriplatform.accounts.roles import Permission
from mriplatform.accounts.selectors import permissions_in

RIGHTS_WITHDRAWN: Final = "rights_withdrawn"


def require_rights(archive: Archive) -> None:
    """Refuse to go on with an archive whose sender may not send it any more.

    Args:
        archive: read just now, and with it its sender: permissions are read once for each user object.

    Raises:
        UploadRefused: 403, they may not; what was stored before stays.
    """
    if sentence := rights_withdrawn(archive):
        raise UploadRefused(sentence, code=RIGHTS_WITHDRAWN, status=403)


def rights_withdrawn(archive: Archive) -> str:
    """Why the sender may not send the archive any more, and what was stored of it; "" where they may."""
    granted = permissions_in(archive.created_by, archive.collection_id)
    if rights_to_send(labels=archive.folder_labels) <= granted:
        return ""
    missing = "bring labels along" if Permission.UPLOAD in granted else "send images"
    stored = stored_so_far(archive)
    left = f"{stored:,} of its images were stored before; those stay." if stored else "Nothing was stored."
    return f"Whoever sent it may no longer {missing} into this collection, so it goes no further. {left}"
