"""NFSv4.1 and NFSv4.2 on the wire: constants, types, codecs and tables in one name space.

Generated from nfs4.x by nfswire/codegen.py. Do not edit.
"""

# mypy: warn-unused-ignores

from nfswire.nfs4_codec import *  # noqa: F403
from nfswire.nfs4_const import *  # noqa: F403
from nfswire.nfs4_types import *  # noqa: F403
