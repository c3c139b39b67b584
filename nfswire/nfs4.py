"""NFSv4.1 and NFSv4.2 on the wire: constants, types, codecs and tables in one place.

Generated from nfs4.x by nfswire/codegen.py. Do not edit.
"""

# ruff: noqa

from nfswire.nfs4_codec import *
from nfswire.nfs4_const import *
from nfswire.nfs4_types import *
from nfswire.results import *
