"""A small pNFS client in user space (NFSv4.1 and 4.2, files layout) for demo, tests, chaos workloads and curious users.

>>> async with await Client.connect([("127.0.0.1", 20490), ("127.0.0.1", 20491)]) as client:
...     await client.mkdir("/results")
...     async with await client.open("/results/a", create=GUARDED4) as file:
...         await file.write(0, b"data")
"""

from nfsclient.channel import ChannelSettings as ChannelSettings
from nfsclient.client import Client as Client
from nfsclient.client import Settings as Settings
from nfsclient.client import own_credential as own_credential
from nfsclient.data_servers import DataServerSettings as DataServerSettings
from nfsclient.errors import LockDenied as LockDenied
from nfsclient.errors import NfsClientError as NfsClientError
from nfsclient.errors import NfsError as NfsError
from nfsclient.errors import SessionLost as SessionLost
from nfsclient.errors import Unavailable as Unavailable
from nfsclient.file import File as File
from nfsclient.handshake import Offer as Offer
from nfsclient.results import Attributes as Attributes
from nfsclient.results import DirEntry as DirEntry
from nfsclient.results import Handle as Handle
from nfsclient.retry import RetryPolicy as RetryPolicy
from nfsclient.stats import Event as Event
from nfsclient.stats import Stats as Stats
from nfswire.nfs4 import EXCLUSIVE4_1 as EXCLUSIVE4_1
from nfswire.nfs4 import GUARDED4 as GUARDED4
from nfswire.nfs4 import UNCHECKED4 as UNCHECKED4
