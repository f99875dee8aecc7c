"""Nothing here is ever downloaded; said before `datasets` and TRL are imported."""

import os

os.environ["HF_HUB_OFFLINE"] = "1"
