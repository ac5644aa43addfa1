"""Changing keys while nodes run: what each key's numbers are for, who has them, what still lies under an old one."""

from typing import TYPE_CHECKING

from gateway.foundation.late import late

if TYPE_CHECKING:
    from gateway.foundation.rotation.indexed import Indexed
    from gateway.foundation.rotation.rotation import Rotation
else:
    __getattr__ = late(__name__, {"indexed": "Indexed", "rotation": "Rotation"})

__all__ = ["Indexed", "Rotation"]
